package capabilities_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/capabilities"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// shell runs verbs as an administrator of a cluster.
type shell struct {
	kubeconfig, dir string
}

func (s shell) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	session := verbtest.New(t)
	session.Vars["KUBECONFIG"] = s.kubeconfig
	program := session.Program()
	for _, family := range capabilities.Verbs(program) {
		if family.Name() != args[0] {
			continue
		}
		family.SilenceErrors, family.SilenceUsage = true, true
		program.MarkRunning(family)
		family.SetOut(&session.Stdout)
		family.SetArgs(args[1:])
		if err := family.ExecuteContext(t.Context()); err != nil {
			code = program.Report(t.Context(), family, err)
		}
	}
	return session.Stdout.String(), session.Stderr.String(), code
}

// write writes a file, and returns its path.
func (s shell) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const crate = `apiVersion: capability.roadbed.dev/v1alpha1
kind: Capability
metadata:
  name: crate
spec:
  description: A crate to put things into.
  layer: data
  owner: {team: boxes}
  names: {kind: Crate, plural: crates}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema:
      spec: {type: object, properties: {size: {type: integer, maximum: 9}}}
    provisioner: {type: Builtin, builtin: {name: none}}
`

// cluster is an API server with the kinds of capabilities, and nobody who acts
// on them.
func cluster(t *testing.T) (shell, client.Client) {
	t.Helper()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	return shell{env.Kubeconfig(t, "admin", "system:masters"), t.TempDir()}, env.Client
}

// TestAPublishersDay is what the team of a capability does, from the first
// publication to the deprecation.
func TestAPublishersDay(t *testing.T) {
	t.Parallel()
	s, c := cluster(t)
	file := s.write(t, "crate.yaml", crate)
	tight := s.write(t, "tight.yaml", strings.Replace(crate, "maximum: 9", "maximum: 3", 1))
	unknown := s.write(t, "unknown.yaml", strings.Replace(crate, "    stage: ga\n", "    stage: ga\n    stag: ga\n", 1))
	unstored := s.write(t, "unstored.yaml", strings.Replace(crate, "storage: true", "storage: false", 1))
	refused := s.write(t, "refused.yaml", strings.Replace(crate, "layer: data", "layer: attic", 1))
	schema := s.write(t, "schema.yaml", strings.Replace(crate, "type: integer", "type: whole", 1))
	reserved := s.write(t, "reserved.yaml", strings.Replace(crate, "name: crate\n", "name: platform-api\n", 1))
	removed := s.write(t, "removed.yaml", strings.Replace(crate, "stage: ga", "stage: removed", 1))
	template := s.write(t, "template.yaml", strings.Replace(crate, "{type: Builtin, builtin: {name: none}}", `
      type: Template
      permissions:
      - {apiGroups: [""], resources: [configmaps]}
      template:
        resources:
        - id: settings
          manifest:
            apiVersion: v1
            kind: ConfigMap
            data:
              size: "${string(spec.sise)}"`, 1))
	flag := s.write(t, "flag.yaml", "apiVersion: capability.roadbed.dev/v1alpha1\nkind: FeatureFlag\nmetadata: {name: x}\n")
	for _, step := range []struct {
		args           []string
		stdout, stderr string
		code           int
	}{
		{args: []string{"capability", "lint", file}, stdout: "capability crate can be published"},
		{args: []string{"capability", "lint", unknown}, stderr: `unknown\.yaml:13: .*stag`, code: verb.ExitFailed},
		{args: []string{"capability", "lint", unstored}, stderr: `unstored\.yaml:\d+: spec.versions: exactly one version must have storage`, code: verb.ExitFailed},
		{args: []string{"capability", "lint", schema}, stderr: `schema\.yaml:15: spec\.versions\[0\]\.schema`, code: verb.ExitFailed},
		{args: []string{"capability", "lint", reserved}, stderr: `reserved\.yaml:4: metadata.name: .*own account`, code: verb.ExitFailed},
		{args: []string{"capability", "lint", removed}, stderr: `removed\.yaml:13: spec\.versions\[0\]\.storage.*or delete the capability`, code: verb.ExitFailed},
		{args: []string{"capability", "lint", template}, stderr: `template\.yaml:27: spec\.versions\[0\]\..*size: .*undefined field 'sise'`, code: verb.ExitFailed},
		{args: []string{"capability", "publish", template}, stderr: `template\.yaml:27: .*undefined field 'sise'`, code: verb.ExitFailed},
		{args: []string{"capability", "lint", flag}, stderr: `flag\.yaml:2: kind: want a Capability`, code: verb.ExitFailed},
		{args: []string{"capability", "lint", "no-such-file.yaml"}, stderr: "no-such-file.yaml", code: verb.ExitFailed},
		{args: []string{"capability", "lint"}, stderr: "arg", code: verb.ExitUsage},
		{args: []string{"capability", "publish", refused}, stderr: `refused\.yaml:7: spec.layer`, code: verb.ExitFailed},
		{args: []string{"capability", "publish", file, "--dry-run=maybe"}, stderr: "--dry-run must be none, client or server", code: verb.ExitUsage},
		{args: []string{"capability", "publish", file, "--dry-run"}, stdout: `(?s)\+.*name: crate.*1 to add, 0 to change`, code: verb.ExitDifferences},
		{args: []string{"capability", "get", "crate"}, stderr: `get capability "crate"`, code: verb.ExitFailed},
		{args: []string{"capability", "publish", file}, stdout: "capability.capability.roadbed.dev/crate created"},
		{args: []string{"capability", "publish", file}, stdout: "crate unchanged"},
		{args: []string{"capability", "publish", file, "--dry-run=client"}, stdout: "1 unchanged"},
		{args: []string{"capability", "publish", tight, "--dry-run"}, stdout: `(?s)-.*maximum: 9.*\+.*maximum: 3`, code: verb.ExitDifferences},
		{args: []string{"capability", "diff", file}, stdout: "nothing would break"},
		{args: []string{"capability", "diff", tight}, stdout: `(?s)v1 \(ga\) would break.*maximum falls from 9 to 3`, code: verb.ExitDifferences},
		{args: []string{"capability", "docs", "crate"}, stdout: "# Crate"},
		{args: []string{"capability", "deprecate", "crate", "--version", "v9"}, stderr: `has no version "v9"`, code: verb.ExitUsage},
		{args: []string{"capability", "deprecate", "crate"}, stderr: "version", code: verb.ExitUsage},
		{args: []string{"capability", "deprecate", "crate", "--version", "v1", "--sunset", "soon"}, stderr: `"soon" is not a day`, code: verb.ExitUsage},
		{args: []string{"capability", "deprecate", "crate", "--version", "v1"}, stdout: "2027-03-01"},
		{args: []string{"capability", "describe", "crate"}, stdout: `(?s)Owner: +boxes, layer data.*Version: +v1 deprecated.*works until 2027-03-01`},
	} {
		stdout, stderr, code := s.run(t, step.args...)
		if code != step.code || !regexp.MustCompile(step.stdout).MatchString(stdout) || !regexp.MustCompile(step.stderr).MatchString(stderr) {
			t.Errorf("%q ends with %d, want %d\nstdout: %s\nwant %q\nstderr: %s\nwant %q", step.args, code, step.code, stdout, step.stdout, stderr, step.stderr)
		}
	}
	if err := c.Delete(t.Context(), &v1alpha1.Capability{ObjectMeta: metav1.ObjectMeta{Name: "crate"}}); err != nil {
		t.Error(err)
	}
}

// TestConsumersAreNamed wants those who use a capability named, and the formats.
func TestConsumersAreNamed(t *testing.T) {
	t.Parallel()
	s, c := cluster(t)
	if _, stderr, code := s.run(t, "capability", "publish", s.write(t, "barrel.yaml", strings.NewReplacer("crate", "barrel", "Crate", "Barrel").Replace(crate))); code != 0 {
		t.Fatal(stderr)
	}
	barrel := &v1alpha1.Capability{ObjectMeta: metav1.ObjectMeta{Name: "barrel"}}
	named, err := capability.ConsumersOf(barrel, capability.Settings{}, map[string][]capability.Consumer{"v1": {
		{Tenant: "payments", Client: "shop", Operation: "createBarrel", Last: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: named.Namespace}}, named} {
		if err := c.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		args   []string
		stdout string
	}{
		{[]string{"capability", "consumers", "barrel"}, `v1 +payments +shop +createBarrel +2026-02-03T04:00:00Z`},
		{[]string{"capability", "consumers", "barrel", "-o", "json"}, `"operation": "createBarrel"`},
		{[]string{"capability", "consumers", "barrel", "--version", "v1", "-o", "yaml"}, `lastUse: "2026-02-03T04:00:00Z"`},
		{[]string{"capability", "list"}, `(?m)^NAME +LAYER +OWNER +KIND +VERSIONS +CLAIMS +READY +AVAILABLE +AGE$`},
		{[]string{"capability", "list", "-o", "wide"}, `APPROVAL +ROUTE`},
		{[]string{"capability", "list", "-o", "name"}, `capability.capability.roadbed.dev/barrel`},
		{[]string{"capability", "get", "barrel"}, `barrel +data +boxes +Barrel +v1 ga +0`},
		{[]string{"capability", "get", "barrel", "-o", "json"}, `"plural": "barrels"`},
		{[]string{"capability", "get", "barrel", "-o", "yaml"}, `(?m)^kind: Capability$`},
		{[]string{"capability", "shipped"}, `NAME +KIND`},
	} {
		stdout, stderr, code := s.run(t, step.args...)
		if code != 0 || !regexp.MustCompile(step.stdout).MatchString(stdout) {
			t.Errorf("%q ends with %d\nstdout: %s\nwant %q\nstderr: %s", step.args, code, stdout, step.stdout, stderr)
		}
	}
	if _, stderr, _ := s.run(t, "capability", "consumers", "barrel"); !regexp.MustCompile(`The server was not asked: no server runs .* last written .* ago, at .*later uses may be missing`).MatchString(strings.ReplaceAll(stderr, "\n", " ")) {
		t.Errorf("what is stored is shown without saying so: %s", stderr)
	}
	if _, stderr, code := s.run(t, "capability", "consumers", "barrel", "--server", "http://127.0.0.1:1"); code != verb.ExitFailed || !regexp.MustCompile("does not answer|make a token").MatchString(stderr) {
		t.Errorf("a server that cannot be asked ends with %d: %s", code, stderr)
	}
	if _, stderr, code := s.run(t, "capability", "consumers", "barrel", "--version", "v2"); code != verb.ExitUsage {
		t.Errorf("a version that there is not ends with %d: %s", code, stderr)
	}
}

// TestFlagsAreSwitched wants a flag on for one tenant and off again.
func TestFlagsAreSwitched(t *testing.T) {
	t.Parallel()
	s, c := cluster(t)
	flag := &v1alpha1.FeatureFlag{ObjectMeta: metav1.ObjectMeta{Name: "crate-v2"}}
	if err := c.Create(t.Context(), flag); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args           []string
		stdout, stderr string
		code           int
		tenants        string
	}{
		{args: []string{"flag", "enable", "crate-v2", "--tenant", "payments"}, stdout: "crate-v2 enabled for tenant payments", tenants: "payments"},
		{args: []string{"flag", "enable", "crate-v2", "--tenant", "payments"}, stdout: "enabled", tenants: "payments"},
		{args: []string{"flag", "enable", "crate-v2", "--tenant", "orders"}, stdout: "enabled", stderr: `there is no tenant "orders"; see "roadbed tenant list"`, tenants: "payments orders"},
		{args: []string{"flag", "list"}, stdout: "crate-v2 +ENABLED.*payments, orders", tenants: "payments orders"},
		{args: []string{"flag", "disable", "crate-v2", "--tenant", "payments"}, stdout: "disabled", tenants: "orders"},
		{args: []string{"flag", "disable", "crate-v2"}, stderr: "tenant", code: verb.ExitUsage, tenants: "orders"},
		{args: []string{"flag", "enable", "crate-v9", "--tenant", "orders"}, stderr: `feature flag "crate-v9".*"roadbed flag list"`, code: verb.ExitFailed, tenants: "orders"},
	} {
		stdout, stderr, code := s.run(t, step.args...)
		if code != step.code || !regexp.MustCompile(step.stdout).MatchString(stdout) || !regexp.MustCompile(step.stderr).MatchString(stderr) {
			t.Errorf("%q ends with %d, want %d\nstdout: %s\nwant %q\nstderr: %s\nwant %q", step.args, code, step.code, stdout, step.stdout, stderr, step.stderr)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(flag), flag); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(flag.Spec.Targets.Tenants, " "); got != step.tenants {
			t.Errorf("%q: the flag is on for %q, want %q", step.args, got, step.tenants)
		}
	}
}

// TestNamesAreCompleted wants the shell to know capabilities and flags.
func TestNamesAreCompleted(t *testing.T) {
	t.Parallel()
	s, c := cluster(t)
	if _, stderr, code := s.run(t, "capability", "publish", s.write(t, "basket.yaml", strings.NewReplacer("crate", "basket", "Crate", "Basket").Replace(crate))); code != 0 {
		t.Fatal(stderr)
	}
	if err := c.Create(t.Context(), &v1alpha1.FeatureFlag{ObjectMeta: metav1.ObjectMeta{Name: "basket-v2"}}); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"basket":    {"capability", "__complete", "docs", "bask"},
		"basket-v2": {"flag", "__complete", "enable", "bask"},
		"yaml":      {"capability", "__complete", "get", "basket", "-o", ""},
	} {
		if stdout, stderr, code := s.run(t, args...); code != 0 || !strings.Contains(stdout, name+"\n") {
			t.Errorf("%q offers %q, want %s: %s", args, stdout, name, stderr)
		}
	}
}
