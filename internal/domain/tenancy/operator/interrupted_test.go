package operator_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

// TestAlone stops Roadbed and, at the end, takes its kinds away: nobody else can
// use the control plane meanwhile.
func TestAlone(t *testing.T) {
	t.Parallel()
	p := install(t, kubetest.Private(t))
	t.Cleanup(func() {
		if err := p.halt(); err != nil {
			t.Error(err)
		}
	})
	t.Run("nothing goes on unrecorded", func(t *testing.T) { p.goesOnRecorded(t) })
	t.Run("deleted kinds keep namespaces", func(t *testing.T) { p.losesKinds(t) })
}

// What cannot be recorded is not done, and is done once it can. Between any two
// stages of an offboarding Roadbed may end, and goes on where it was.
func (p *platform) goesOnRecorded(t *testing.T) {
	p.unit(t, "careful")
	t.Run("onboarding", func(t *testing.T) { p.onboardsRecorded(t) })
	t.Run("opening", func(t *testing.T) { p.opensRecorded(t) })
	p.create(t, workload("tenant-careful-a"))
	kubetest.Eventually(t, patience, "pods are there", func() error {
		var pods corev1.PodList
		if err := p.client.List(t.Context(), &pods, client.InNamespace("tenant-careful-a")); err != nil {
			return err
		}
		if len(pods.Items) != 2 {
			return fmt.Errorf("there are %d pods", len(pods.Items))
		}
		return nil
	})
	t.Run("newcomers", func(t *testing.T) { p.reservesTogether(t) })
	t.Run("offboarding", func(t *testing.T) { p.offboardsStageByStage(t, "careful-a") })
}

// unrecordable makes the trail fail for actions of this name.
func (p *platform) unrecordable(action string) {
	p.trail.Refuse(func(r trail.Record) bool { return r.Action == action })
}

func (p *platform) onboardsRecorded(t *testing.T) {
	p.unrecordable("tenancy.tenant.provision")
	p.tenant(t, "careful-a", "careful")
	p.awaits(t, "careful-a", tenancy.ConditionProvisioned, metav1.ConditionFalse, tenancy.ReasonApplyFailed)
	ns := namespaceNamed("tenant-careful-a")
	if err := p.gone(t, ns); err != nil {
		t.Errorf("a namespace was made unrecorded: %v", err)
	}
}

func (p *platform) opensRecorded(t *testing.T) {
	p.unrecordable("tenancy.namespace.open")
	p.awaits(t, "careful-a", tenancy.ConditionIsolated, metav1.ConditionFalse, tenancy.ReasonIsolateFailed)
	if p.isolatedNamespace(t, "tenant-careful-a") == nil {
		t.Error("pods were let in unrecorded")
	}
	p.trail.Refuse(nil)
	p.ready(t, "careful-a")
}

func (p *platform) offboardsStageByStage(t *testing.T, name string) {
	stages := []string{"Cordon", "Export", "LegalHold", "Drain", "Delete", "Residue"}
	p.unrecordable("tenancy.tenant.offboard.cordon")
	p.offboard(t, name)
	for i, stage := range stages {
		kubetest.Eventually(t, patience, "the procedure stands before "+stage, func() error { return standsBefore(p.read(t, name), stages, i) })
		p.doneSoFar(t, name, stage)
		p.restart(t)
		if i+1 < len(stages) {
			p.unrecordable("tenancy.tenant.offboard." + strings.ToLower(stages[i+1]))
		}
	}
	p.trail.Refuse(nil)
	kubetest.Eventually(t, patience, "the tenant is offboarded", func() error {
		if now := p.read(t, name); !condition.IsTrue(now.Status.Conditions, tenancy.ConditionOffboarded) {
			return fmt.Errorf("offboarding %+v", now.Status.Offboarding)
		}
		return nil
	})
	p.onceEach(t, name, stages)
}

// standsBefore is nil when all stages before the i-th are done and it has not begun.
func standsBefore(t *v1alpha1.Tenant, stages []string, i int) error {
	for j, stage := range stages {
		want := "Pending"
		if j < i {
			want = "Done"
		}
		if got := step(t, stage).State; got != want {
			return fmt.Errorf("%s is %q", stage, got)
		}
	}
	if c := condition.Get(t.Status.Conditions, condition.Ready); !strings.Contains(c.Message, controllertest.ErrFull.Error()) {
		return fmt.Errorf("the condition says %q", c.Message)
	}
	return nil
}

// doneSoFar holds the world against the stage that has not begun.
func (p *platform) doneSoFar(t *testing.T, name, stage string) {
	t.Helper()
	before := map[string]bool{}
	for _, s := range []string{"Cordon", "Export", "LegalHold", "Drain", "Delete", "Residue"} {
		if s == stage {
			break
		}
		before[s] = true
	}
	if exported := p.exports.of(name) != nil; exported != before["Export"] {
		t.Errorf("before %s: exported is %t", stage, exported)
	}
	var pods corev1.PodList
	if err := p.client.List(t.Context(), &pods, client.InNamespace("tenant-"+name)); err != nil {
		t.Fatal(err)
	}
	if drained := len(pods.Items) == 0; drained != before["Drain"] {
		t.Errorf("before %s: %d pods run", stage, len(pods.Items))
	}
	err := p.gone(t, namespaceNamed("tenant-"+name))
	if deleted := err == nil; deleted != before["Delete"] {
		t.Errorf("before %s: the namespace is deleted: %t", stage, deleted)
	}
}

// onceEach wants each stage on the trail once, in order.
func (p *platform) onceEach(t *testing.T, name string, stages []string) {
	t.Helper()
	var begun []string
	for _, action := range p.trail.Actions("Tenant", name) {
		if stage, is := strings.CutPrefix(action, "tenancy.tenant.offboard."); is {
			begun = append(begun, stage)
		}
	}
	if got, want := strings.Join(begun, " "), strings.ToLower(strings.Join(stages, " ")); got != want {
		t.Errorf("the trail has %q, want %q", got, want)
	}
}
