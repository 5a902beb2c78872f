package overrides_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/overrides"
	"github.com/roadbed-dev/roadbed/internal/cli/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const place = "tenant-payments"

// platform is an API server with Roadbed's roles and guards of overrides, and
// their controllers, acting with Roadbed's rights and no others.
func platform(t *testing.T) *kubetest.Env {
	t.Helper()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	objects := append(rbac.Objects(), guards.Objects()...)
	objects = append(objects,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place, Labels: map[string]string{"tenancy.roadbed.dev/tenant": "payments"}}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "developers"}, RoleRef: role("roadbed:tenant-developer"), Subjects: group("corp:developers"),
		},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "platform"}, RoleRef: role("roadbed:platform-admin"), Subjects: group("corp:platform")},
	)
	for _, object := range objects {
		if err := env.Client.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
	run(t, env)
	return env
}

func role(name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
}

func group(name string) []rbacv1.Subject {
	return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}}
}

// run runs the controllers until the test ends.
func run(t *testing.T, env *kubetest.Env) {
	t.Helper()
	host := controllertest.Host(t, env, env.As(t, identity.Roadbed, identity.RoadbedGroups()...), &controllertest.Trail{})
	if _, err := operator.Setup(host, catalogue{}); err != nil {
		t.Fatal(err)
	}
	controllertest.UntilEnd(t, host)
	kubetest.Eventually(t, time.Minute, "the ledger exists", func() error {
		return env.Client.Get(t.Context(), client.ObjectKey{Name: policyv1.LedgerName}, &policyv1.OverrideLedger{})
	})
}

type catalogue struct{}

func (catalogue) OnChange(func()) {}
func (catalogue) Infos() []policy.Info {
	return []policy.Info{{Name: "require-owner", Tier: policy.Default}, {Name: "require-signatures", Tier: policy.Mandatory}}
}

// person runs verbs as somebody.
type person struct{ kubeconfig string }

// says runs a verb of overrides and returns what it wrote and its exit code.
func (p person) says(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return p.runs(t, overrides.Verb, args...)
}

// runs runs a verb of a family.
func (p person) runs(t *testing.T, family func(*verb.Program) *cobra.Command, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	s := verbtest.New(t)
	s.Env.Clock = clock.RealClock{}
	s.Vars["KUBECONFIG"] = p.kubeconfig
	program := s.Program()
	cmd := family(program)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	program.MarkRunning(cmd)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		code = program.Report(t.Context(), cmd, err)
	}
	return s.Stdout.String(), s.Stderr.String(), code
}

// TestAnOverridesLife is what ann, bob and a bystander do with overrides.
func TestAnOverridesLife(t *testing.T) {
	t.Parallel()
	env := platform(t)
	ann := person{env.Kubeconfig(t, "ann", "corp:developers")}
	bob := person{env.Kubeconfig(t, "bob", "corp:platform")}
	create := func(name string, more ...string) []string {
		return append([]string{"create", name, "-n", place, "--ticket", "CHG-1", "--justification", "the vendor's chart cannot set labels"}, more...)
	}
	awaitGuards(t, ann, create("probe", "--policy", "require-owner", "--for", "400h", "--dry-run"), create("probe", "--policy", "require-signatures", "--for", "1h", "--dry-run"))
	file := exceptionsFile(t)
	root := person{env.Kubeconfig(t, standalone.AdminUser, standalone.AdminGroup)}
	forecast := []string{"impact", changedFile(t, env), "-n", place}
	for _, step := range []struct {
		who            person
		of             func(*verb.Program) *cobra.Command // overrides if it is nil
		args           []string
		stdout, stderr string
		code           int
	}{
		{who: ann, args: create("short", "--policy", "require-owner"), stderr: "--for or --until", code: verb.ExitUsage},
		{who: ann, args: create("short", "--policy", "require-owner", "--for", "0d"), stderr: `--for "0d"`, code: verb.ExitUsage},
		{who: ann, args: create("wide", "--policy", "require-owner", "--for", "1d", "--object", ""), stderr: "--object: nothing is named", code: verb.ExitUsage},
		{who: ann, args: create("long", "--policy", "require-owner", "--for", "90d"), stderr: "spec.expiresAt: overrides of a place of no tenant last at most 30 days.*guard roadbed-override-request", code: verb.ExitFailed},
		{who: ann, args: create("hard", "--policy", "require-signatures", "--for", "1d"), stderr: "spec.policies: require-signatures cannot be waived, because Mandatory", code: verb.ExitFailed},
		{who: ann, args: create("chart", "--policy", "require-owner:validations[0]", "--for", "10d", "--kind", "ConfigMap", "--object", "vendor-*"), stdout: "override tenant-payments/chart asked for"},
		{who: bob, args: []string{"list", "--phase", "pending"}, stdout: `tenant-payments +chart +Pending +require-owner +ann +- +in 9d`},
		{who: ann, args: []string{"approve", "chart", "-n", place}, stderr: "orbidden", code: verb.ExitFailed},
		{who: root, of: policies.Verb, args: forecast, stdout: " requests: 1 would be refused"},
		{who: bob, args: []string{"approve", "chart"}, stderr: "--namespace", code: verb.ExitUsage},
		{who: bob, args: []string{"approve", "chart", "-n", place, "--comment", "until version 9"}, stdout: "override tenant-payments/chart approved\nIt is in force until "},
		{who: ann, args: []string{"get", "chart", "-n", place}, stdout: `(?s)Phase: +Active.*Requester: +ann.*Decision: +Approved by bob.*Comment: +until version 9.*require-owner +validations\[0\]`},
		{who: ann, args: []string{"get", "chart", "-n", place, "-o", "yaml"}, stdout: "requester: ann"},
		{who: root, of: policies.Verb, args: forecast, stdout: " requests: 0 would be refused"},
		{who: bob, args: []string{"reject", "chart", "-n", place}, stderr: "Approved cannot become Rejected", code: verb.ExitFailed},
		{who: bob, args: []string{"revoke", "chart", "-n", place}, stdout: "chart revoked"},
		{who: bob, args: create("own", "--policy", "require-owner", "--until", time.Now().Add(48*time.Hour).Format(time.DateOnly)), stdout: "asked for"},
		{who: bob, args: []string{"approve", "own", "-n", place}, stderr: "nobody approves his own", code: verb.ExitFailed},
		{who: ann, args: []string{"import", file, "--for", "10d"}, stdout: "(?s)kind: PolicyOverride.*namespace: tenant-payments", stderr: "exceptions.yaml:1: PolicyException vendor: conditions"},
		{who: ann, args: []string{"import", file, "--for", "10d", "--apply"}, stdout: "override tenant-payments/vendor asked for"},
		{who: bob, args: []string{"approve", "vendor", "-n", place}, stderr: "it waives nothing: .*no-such-policy", code: verb.ExitFailed},
		{who: ann, args: []string{"list", "-n", place, "-o", "name"}, stdout: "policyoverride.policy.roadbed.dev/chart"},
	} {
		if step.of == nil {
			step.of = overrides.Verb
		}
		stdout, stderr, code := step.who.runs(t, step.of, step.args...)
		if code != step.code || !regexp.MustCompile(step.stdout).MatchString(stdout) || !regexp.MustCompile(step.stderr).MatchString(stderr) {
			t.Errorf("%q ends with %d, want %d\nstdout: %s\nwant %q\nstderr: %s\nwant %q", step.args, code, step.code, stdout, step.stdout, stderr, step.stderr)
		}
	}
}

// awaitGuards returns when the API server judges and completes requests.
func awaitGuards(t *testing.T, who person, good, bad []string) {
	t.Helper()
	kubetest.Eventually(t, time.Minute, "the guards are in force", func() error {
		if _, stderr, code := who.says(t, good...); code != 0 {
			return errors.New(stderr)
		}
		if _, _, code := who.says(t, bad...); code == 0 {
			return errors.New("a Mandatory policy may be waived")
		}
		return nil
	})
}

// changedFile is a policy as it may become, and makes what it does not like.
func changedFile(t *testing.T, env *kubetest.Env) string {
	t.Helper()
	bad := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "vendor-1"}}
	if err := env.Client.Create(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	return written(t, "changed.yaml", `apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: require-owner, labels: {policy.roadbed.dev/tier: default}}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}
  validations: [{expression: "!object.metadata.name.startsWith('vendor-')"}]
`)
}

func written(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func exceptionsFile(t *testing.T) string {
	t.Helper()
	return written(t, "exceptions.yaml", `apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: vendor, namespace: kyverno, annotations: {corp.example/ticket: CHG-9}}
spec:
  exceptions: [{policyName: no-such-policy, ruleNames: ["*"]}]
  conditions: {any: [{key: a, operator: Equals, value: a}]}
  match: {any: [{resources: {kinds: [ConfigMap], namespaces: [tenant-payments]}}]}
`)
}
