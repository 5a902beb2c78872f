package policies_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/cli/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const patience = time.Minute

// shop is a namespace with Pods, and a server that judges them.
type shop struct {
	env        *kubetest.Env
	history    string
	kubeconfig string
}

// podSecurity is judged by the webhook: it is of the old kind.
const podSecurity = `
metadata: {name: pod-security, labels: {policy.roadbed.dev/tier: default}}
spec:
  rules:
  - name: baseline
    match: {any: [{resources: {kinds: [Pod], namespaces: [shop]}}]}
    validate: {failureAction: Enforce, podSecurity: {level: baseline, version: latest}}
`

// pods are all against the rule, each for another reason to stay so.
func pods() map[string]*corev1.Pod {
	made := map[string]*corev1.Pod{}
	for name, image := range map[string]string{"covered": "corp.example/agent:1", "control": "corp.example/agent:1", "image": "corp.example/web:1", "expired": "corp.example/agent:1"} {
		made[name] = &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Spec: corev1.PodSpec{
				HostPID:    name == "control",
				Containers: []corev1.Container{{Name: "a", Image: image, Ports: []corev1.ContainerPort{{ContainerPort: 8080, HostPort: 8080}}}},
			},
		}
	}
	return made
}

// TestControlsAgree: of overrides that waive single controls, admission by
// webhook, the command line and the scan of what exists say the same: about what
// is covered, what is of another image or control, and what was covered once.
func TestControlsAgree(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, pod := range pods() {
		if err := s.env.Client.Create(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	p := &kyvernov1.ClusterPolicy{}
	if err := yaml.UnmarshalStrict([]byte(podSecurity), p); err != nil {
		t.Fatal(err)
	}
	if err := s.env.Client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	s.agree(t, map[string]string{"covered": "fail", "control": "fail", "image": "fail", "expired": "fail"})
	s.waive(t, "agents", time.Hour, "covered*", "control*", "image*")
	end := s.waive(t, "once", 10*time.Second, "expired*")
	kubetest.Eventually(t, patience, "the second ends", func() error {
		if left := time.Until(end); left > 0 {
			return fmt.Errorf("in %v", left)
		}
		return nil
	})
	s.agree(t, map[string]string{"covered": "skip", "control": "fail", "image": "fail", "expired": "fail"})
}

// open installs the platform and runs its server.
func open(t *testing.T) *shop {
	t.Helper()
	env := kubetest.Private(t)
	apptest.Install(t, env.Admin, nil)
	dir := t.TempDir()
	options := apptest.Options(dir, env.As(t, identity.Roadbed, identity.RoadbedGroups()...), map[string]bool{"Gateway": false, "Capabilities": false})
	options.Database = filepath.Join(dir, "history.db")
	apptest.Run(t, options)
	if err := env.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "pods may be made", func() error {
		return env.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "default"}, &corev1.ServiceAccount{})
	})
	return &shop{env, options.Database, env.Kubeconfig(t, "carol", "system:masters")}
}

// waive has ann ask for an override of the control of host ports, and bob approve
// it. One that is over before he does is asked for again.
func (s *shop) waive(t *testing.T, name string, length time.Duration, names ...string) (end time.Time) {
	t.Helper()
	ann, bob := s.env.ClientAs(t, "ann", "system:masters"), s.env.ClientAs(t, "bob", "system:masters")
	kubetest.Eventually(t, patience, name+" is approved", func() error {
		end = time.Now().Add(length).Truncate(time.Second)
		o := &policyv1.PolicyOverride{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", GenerateName: name + "-"},
			Spec: policyv1.PolicyOverrideSpec{
				Policies:      []policyv1.OverriddenPolicy{{Name: "pod-security"}},
				Scope:         policyv1.OverrideScope{Kinds: []string{"Pod"}, Names: names},
				Justification: "the agent listens on its node", Ticket: "CHG-1", ExpiresAt: metav1.NewTime(end),
				PodSecurity: []policyv1.PodSecurityControl{{
					ControlName: "Host Ports", Images: []string{"corp.example/agent:*"},
					RestrictedField: "spec.containers[*].ports[*].hostPort", Values: []string{"8080"},
				}},
			},
		}
		if err := ann.Create(t.Context(), o); err != nil {
			return err
		}
		return bob.Status().Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(`{"status":{"decision":{"verdict":"Approved"}}}`)))
	})
	return end
}

// agree waits until everybody says the same of all pods.
func (s *shop) agree(t *testing.T, want map[string]string) {
	t.Helper()
	kubetest.Eventually(t, patience, fmt.Sprintf("everybody says %v", want), func() error {
		for who, asked := range map[string]func(*testing.T) map[string]string{"admission": s.admission, "the command line": s.commandLine, "the scan": s.scan} {
			if said := asked(t); !maps.Equal(said, want) {
				return fmt.Errorf("%s says %v", who, said)
			}
		}
		return nil
	})
}

// admission is asked whether such pods may be made, by names that are not taken.
func (s *shop) admission(t *testing.T) map[string]string {
	t.Helper()
	said := map[string]string{}
	for name, pod := range pods() {
		pod.Name += "-again"
		err := s.env.Client.Create(t.Context(), pod, client.DryRunAll)
		switch {
		case err == nil:
			said[name] = "skip"
		case strings.Contains(err.Error(), "policy pod-security, rule baseline (Default)"):
			said[name] = "fail"
		default:
			said[name] = err.Error()
		}
	}
	return said
}

// commandLine is what policy apply says of the cluster.
func (s *shop) commandLine(t *testing.T) map[string]string {
	t.Helper()
	session := verbtest.New(t)
	session.Env.Clock = clock.RealClock{}
	session.Vars["KUBECONFIG"] = s.kubeconfig
	program := session.Program()
	cmd := policies.Verb(program)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	program.MarkRunning(cmd)
	cmd.SetArgs([]string{"apply", "--policies-of-cluster", "--cluster", "-n", "shop", "-o", "json"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		program.Report(t.Context(), cmd, err) // the exit code says that some fail
	}
	var findings []struct {
		Policy, Status string
		Resource       struct{ Name string }
	}
	if err := json.Unmarshal(session.Stdout.Bytes(), &findings); err != nil {
		t.Fatalf("%v: %s%s", err, &session.Stdout, &session.Stderr)
	}
	said := map[string]string{}
	for _, finding := range findings {
		if finding.Policy == "pod-security" {
			said[finding.Resource.Name] = finding.Status
		}
	}
	return said
}

// scan is what the scan of what exists has found.
func (s *shop) scan(t *testing.T) map[string]string {
	t.Helper()
	db, dialect, err := database.Open(t.Context(), s.history)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	store, err := history.Open(t.Context(), db, dialect, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	reports, err := store.Reports(t.Context(), history.Query{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, report := range reports {
		for _, result := range report.Results {
			if result.Policy == "pod-security" {
				said[report.Subject.Name] = string(result.Status)
			}
		}
	}
	return said
}
