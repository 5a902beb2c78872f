package claims_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/claims"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/rbac"
	tenantrbac "github.com/roadbed-dev/roadbed/internal/domain/tenancy/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const (
	place    = "tenant-payments"
	patience = time.Minute
)

const crate = `apiVersion: capability.roadbed.dev/v1alpha1
kind: Capability
metadata: {name: crate}
spec:
  description: A crate to put things into.
  layer: data
  owner: {team: boxes}
  names: {kind: Crate, plural: crates}
  price: {amount: "2", currency: EUR}
  approval: {mode: Simple, approverGroups: ["corp:finance"]}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema: {spec: {type: object, properties: {size: {type: integer, maximum: 9}}}}
    connection: {secretKeys: [host]}
    provisioner:
      type: Template
      permissions: [{apiGroups: [""], resources: [configmaps]}]
      template:
        endpoint: "resources.settings.data.host"
        connection: {host: "resources.settings.data.host"}
        resources:
        - id: settings
          manifest: {apiVersion: v1, kind: ConfigMap, data: {size: "${string(spec.size)}", host: "${claim.metadata.name}.${tenant.name}"}}
`

const wish = `apiVersion: claims.roadbed.dev/v1
kind: Crate
metadata: {name: orders, namespace: tenant-payments}
spec: {size: 3}
`

const mistakes = `# two words that the kind does not have
apiVersion: claims.roadbed.dev/v1
kind: Crate
metadata: {name: orders, namespace: tenant-payments}
spec:
  sise: 3
  platform:
    deletionPolicy: Delete
    update: Pinned
`

// platform is an API server with capabilities at work, with the rights and guards
// of an installation.
func platform(t *testing.T) *kubetest.Env {
	t.Helper()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	acting := rest.CopyConfig(env.Admin)
	acting.Impersonate = rest.ImpersonationConfig{UserName: identity.Roadbed, Groups: []string{"system:masters"}}
	installer, err := client.New(acting, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	objects := append(tenantrbac.Objects(), rbac.Objects()...)
	objects = append(append(objects, account.Objects()...), guards.Objects()...)
	objects = append(append(objects, account.Guards()...), approval.Guards()...)
	objects = append(objects, tenant()...)
	for _, object := range objects {
		if err := installer.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
	run(t, env)
	capability := &v1alpha1.Capability{}
	if err := yaml.UnmarshalStrict([]byte(crate), capability); err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Create(t.Context(), capability); err != nil {
		t.Fatal(err)
	}
	return env
}

// tenant is a tenant's namespace, and who works there.
func tenant() []client.Object {
	labels := map[string]string{
		tenancyv1alpha1.LabelTenant: "payments", tenancyv1alpha1.LabelTier: "tier-2", tenancyv1alpha1.LabelDataClass: "internal",
	}
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place, Labels: labels}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "developers"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "roadbed:tenant-developer"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "corp:payments"}},
		},
	}
}

// run runs the controllers of capabilities and claims until the test ends.
func run(t *testing.T, env *kubetest.Env) {
	t.Helper()
	host := controllertest.Host(t, env, env.As(t, identity.Roadbed, identity.RoadbedGroups()...), &controllertest.Trail{})
	domain := operator.New(operator.Deps{})
	if err := domain.Setup(host); err != nil {
		t.Fatal(err)
	}
	if _, err := claim.Setup(host, claim.Deps{Changed: domain.ClaimsChanged}); err != nil {
		t.Fatal(err)
	}
	controllertest.UntilEnd(t, host)
}

// person runs verbs as somebody.
type person struct{ kubeconfig string }

func (p person) says(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	s := verbtest.New(t)
	s.Env.Clock = clock.RealClock{}
	s.Vars["KUBECONFIG"] = p.kubeconfig
	program := s.Program()
	cmd := claims.Verb(program, nil)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(&s.Stdout)
	program.MarkRunning(cmd)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		code = program.Report(t.Context(), cmd, err)
	}
	return s.Stdout.String(), s.Stderr.String(), code
}

// eventually runs a verb until it says what it should.
func (p person) eventually(t *testing.T, want string, args ...string) string {
	t.Helper()
	said := ""
	kubetest.Eventually(t, patience, fmt.Sprintf("%q says %q", args, want), func() error {
		stdout, stderr, code := p.says(t, args...)
		if code != 0 || !regexp.MustCompile(want).MatchString(stdout) {
			return fmt.Errorf("it ends with %d: %s%s", code, stdout, stderr)
		}
		said = stdout
		return nil
	})
	return said
}

// TestAClaimsLife is what a developer, an approver and a stranger do with a claim
// from the plan to the end.
func TestAClaimsLife(t *testing.T) {
	t.Parallel()
	env := platform(t)
	dev := person{env.Kubeconfig(t, "dan", "corp:payments")}
	finance := person{env.Kubeconfig(t, "fay", "corp:finance")}
	dir := t.TempDir()
	file := filepath.Join(dir, "orders.yaml")
	if err := os.WriteFile(file, []byte(wish), 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte(strings.Replace(wish, "size: 3", "size: 30", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	misspelt := filepath.Join(dir, "misspelt.yaml")
	if err := os.WriteFile(misspelt, []byte(mistakes), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := dev.eventually(t, "rendered by crate-v1(?s).*# endpoint: the claim says so", "plan", "-f", file)
	made := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(wish), &made.Object); err != nil {
		t.Fatal(err)
	}
	if err := env.ClientAs(t, "dan", "corp:payments").Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	dev.eventually(t, "Approved: +False ApprovalAwaited", "describe", "crate/orders", "-n", place)
	steps := []step{
		{who: dev, args: []string{"plan"}, stderr: "-f FILE must be given", code: verb.ExitUsage},
		{who: dev, args: []string{"plan", "-f", large}, stderr: `large\.yaml:4: .*spec\.size`, code: verb.ExitFailed},
		{who: dev, args: []string{"plan", "-f", misspelt}, stderr: `misspelt\.yaml:6: unknown field "spec\.sise"\n.*misspelt\.yaml:9: unknown field "spec\.platform\.update"`, code: verb.ExitFailed},
		{who: dev, args: []string{"plan", "-f", misspelt, "-n", "elsewhere"}, stderr: `misspelt\.yaml:2: .*forbidden`, code: verb.ExitFailed},
		{who: dev, args: []string{"get", "orders", "-n", place}, stderr: "KIND/NAME", code: verb.ExitUsage},
		{who: dev, args: []string{"get", "crate/orders"}, stderr: "--namespace", code: verb.ExitUsage},
		{who: dev, args: []string{"get", "tub/orders", "-n", place}, stderr: `no capability is claimed as "tub": there are crate`, code: verb.ExitUsage},
		{who: dev, args: []string{"get", "crate/other", "-n", place}, stderr: `get claim "other"`, code: verb.ExitFailed},
		{who: dev, args: []string{"approve", "crate/orders", "-n", place}, stderr: "forbidden", code: verb.ExitFailed},
		{who: finance, args: []string{"approve", "crate/orders", "-n", place, "--valid-for", "0s"}, stderr: "more than nothing", code: verb.ExitUsage},
		{who: finance, args: []string{"approve", "crate/orders", "-n", place, "--reason", "in the budget"}, stdout: "Crate tenant-payments/orders approved by fay"},
	}
	check(t, steps)
	dev.eventually(t, "tenant-payments +Crate/orders +v1 +crate-v1-.* +True", "list", "-n", place)
	asPlanned(t, env, plan)
	first := revisionOf(t, env, made)
	check(t, []step{
		{who: dev, args: []string{"get", "crate/orders", "-n", place, "-o", "wide"}, stdout: "orders.payments +orders-connection +dan"},
		{who: dev, args: []string{"get", "crate/orders", "-n", place, "-o", "name"}, stdout: `^crate\.claims\.roadbed\.dev/orders\n$`},
		{who: dev, args: []string{"plan", "-f", file}, stdout: `# endpoint: orders\.payments\n`},
		{who: dev, args: []string{"get", "crates/orders", "-n", place, "-o", "json"}, stdout: `"endpoint": "orders.payments"`},
		{who: dev, args: []string{"list", "--kind", "crate", "-n", place, "-o", "yaml"}, stdout: "kind: Crate"},
		{who: dev, args: []string{"describe", "crate/orders", "-n", place}, stdout: `(?s)Requester: +dan.*Cost: +2 EUR per month.*Approved by fay.*Object: +ConfigMap orders`},
		{who: dev, args: []string{"rollback", "crate/orders", "-n", place}, stderr: "there is no revision before it", code: verb.ExitFailed},
		{who: dev, args: []string{"rollback", "crate/orders", "-n", place, "--to", "crate-v1-x"}, stderr: `--to: version "v1" of capability "crate" has no revision`, code: verb.ExitUsage},
		{who: dev, args: []string{"pin", "crate/orders", "-n", place, "--float", "--revision", "x"}, stderr: "contradict", code: verb.ExitUsage},
		{who: dev, args: []string{"pin", "crate/orders", "-n", place}, stdout: "is pinned to " + first},
		{who: dev, args: []string{"pin", "crate/orders", "-n", place, "--float"}, stdout: "follows its capability"},
		{who: finance, args: []string{"reject", "crate/orders", "-n", place, "--reason", "no longer"}, stdout: "rejected by fay"},
		{who: dev, args: []string{"__complete", "describe", "-n", place, "cra"}, stdout: "crate/orders\n"},
		{who: finance, args: []string{"delete", "crate/orders", "-n", place, "--yes"}, stderr: "forbidden", code: verb.ExitFailed},
		{who: dev, args: []string{"delete", "crate/orders", "-n", place}, stderr: "--yes", code: verb.ExitFailed},
		{who: dev, args: []string{"delete", "crate/orders", "-n", place, "--dry-run"}, stdout: "Object: +ConfigMap orders"},
		{who: dev, args: []string{"delete", "crate/orders", "-n", place, "--yes"}, stdout: "is being deleted"},
	})
}

type step struct {
	who            person
	args           []string
	stdout, stderr string
	code           int
}

func check(t *testing.T, all []step) {
	t.Helper()
	for _, step := range all {
		stdout, stderr, code := step.who.says(t, step.args...)
		if code != step.code || !regexp.MustCompile(step.stdout).MatchString(stdout) || !regexp.MustCompile(step.stderr).MatchString(stderr) {
			t.Errorf("%q ends with %d, want %d\nstdout: %s\nwant %q\nstderr: %s\nwant %q", step.args, code, step.code, stdout, step.stdout, stderr, step.stderr)
		}
	}
}

// asPlanned wants each object of a plan to be there, with the data that the plan
// showed.
func asPlanned(t *testing.T, env *kubetest.Env, plan string) {
	t.Helper()
	_, objects, found := strings.Cut(plan, "---\n")
	if !found || !strings.Contains(plan, "# connection Secret orders-connection with host") {
		t.Fatalf("the plan is\n%s", plan)
	}
	for text := range strings.SplitSeq(objects, "---\n") {
		planned := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &planned.Object); err != nil {
			t.Fatal(err)
		}
		live := planned.DeepCopy()
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(planned), live); err != nil {
			t.Errorf("planned and not there: %v", err)
			continue
		}
		if want, got := fmt.Sprint(planned.Object["data"]), fmt.Sprint(live.Object["data"]); want != got {
			t.Errorf("%s %s holds %s, and %s was planned", planned.GetKind(), planned.GetName(), got, want)
		}
	}
}

func revisionOf(t *testing.T, env *kubetest.Env, made *unstructured.Unstructured) string {
	t.Helper()
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(made), made); err != nil {
		t.Fatal(err)
	}
	revision, _, err := unstructured.NestedString(made.Object, "status", "revision")
	if err != nil || revision == "" {
		t.Fatal(errors.Join(errors.New("the claim has no revision"), err))
	}
	return revision
}
