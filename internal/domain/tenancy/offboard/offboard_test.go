package offboard

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

func leaver(state v1alpha1.LifecycleState, confirm string) *v1alpha1.Tenant {
	return &v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: "payments"},
		Spec:       v1alpha1.TenantSpec{Lifecycle: v1alpha1.TenantLifecycle{State: state, Confirm: confirm}},
	}
}

func TestLeavingTakesBothWords(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		reason  string
		state   v1alpha1.LifecycleState
		confirm string
		leaves  bool
	}{
		{"asked for and confirmed", v1alpha1.LifecycleOffboarding, "payments", true},
		{"confirmed with another tenant's name", v1alpha1.LifecycleOffboarding, "ledger", false},
		{"not confirmed", v1alpha1.LifecycleOffboarding, "", false},
		{"confirmed and called off", v1alpha1.LifecycleActive, "payments", false},
		{"cordoned only", v1alpha1.LifecycleCordoned, "payments", false},
	} {
		tenant := leaver(row.state, row.confirm)
		if Leaving(tenant) != row.leaves {
			t.Errorf("%s: leaving is %t", row.reason, !row.leaves)
		}
		condition.Set(&tenant.Status.Conditions, metav1.Condition{Type: tenancy.ConditionOffboarded, Status: metav1.ConditionTrue, Reason: "X"})
		if Offboarded(tenant) != row.leaves {
			t.Errorf("%s: with the condition, offboarded is %t", row.reason, !row.leaves)
		}
	}
}

// The share of the envelope is kept while there is anything to pay for.
func TestReservationIsKeptToTheEnd(t *testing.T) {
	t.Parallel()
	tenant := leaver(v1alpha1.LifecycleOffboarding, "payments")
	if got := (&Procedure{}).Reservation(tenant); got.Outcome != steps.OutcomeDone || got.Reason != tenancy.ReasonReserved {
		t.Errorf("on the way: %+v", got)
	}
	condition.Set(&tenant.Status.Conditions, metav1.Condition{Type: tenancy.ConditionOffboarded, Status: metav1.ConditionTrue, Reason: "X"})
	if got := (&Procedure{}).Reservation(tenant); got.Outcome != steps.OutcomeWaiting || got.Reason != tenancy.ReasonOffboarded {
		t.Errorf("at the end: %+v", got)
	}
}

func TestStagesAreInTheirOrder(t *testing.T) {
	t.Parallel()
	var names []string
	for _, step := range (&Procedure{}).begin().Steps {
		if step.State != statePending {
			t.Errorf("stage %s begins as %s", step.Name, step.State)
		}
		names = append(names, step.Name)
	}
	if got := strings.Join(names, " "); got != "Cordon Export LegalHold Drain Delete Residue" {
		t.Errorf("stages %s: data must be exported, and a legal hold asked about, before anything is deleted", got)
	}
}

func TestStateOf(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[steps.Outcome]string{
		steps.OutcomeDone: stateDone, steps.OutcomeBlocked: stateBlocked,
		steps.OutcomeWaiting: stateWaiting, steps.OutcomeFailed: stateWaiting,
	} {
		if got := stateOf(outcome); got != want {
			t.Errorf("a stage that is %s is told as %s, want %s", outcome, got, want)
		}
	}
}

// A record that somebody cut is begun anew rather than taken for done.
func TestStepOf(t *testing.T) {
	t.Parallel()
	tenant := leaver(v1alpha1.LifecycleOffboarding, "payments")
	tenant.Status.Offboarding = &v1alpha1.OffboardingStatus{Steps: []v1alpha1.OffboardingStep{{Name: stageCordon, State: stateDone}}}
	if got := stepOf(tenant, stageCordon); got.State != stateDone {
		t.Errorf("a step on record: %+v", got)
	}
	if got := stepOf(tenant, stageDrain); got.State != statePending {
		t.Errorf("a step that is not on record: %+v", got)
	}
	stepOf(tenant, stageDrain).State = stateDone
	if got := tenant.Status.Offboarding.Steps; len(got) != 2 || got[1].State != stateDone {
		t.Errorf("what is put down is not on record: %+v", got)
	}
}

func TestRetell(t *testing.T) {
	t.Parallel()
	now := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	open := corev1.NamespaceStatus{Conditions: []corev1.NamespaceCondition{{Type: v1alpha1.ConditionIsolated, Status: corev1.ConditionTrue}}}
	home := map[string]*corev1.Namespace{
		"standing": {Status: open},
		"ending":   {ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}, Status: open},
	}
	tenant := leaver(v1alpha1.LifecycleOffboarding, "payments")
	for _, name := range []string{"standing", "ending", "gone"} {
		tenant.Status.Namespaces = append(tenant.Status.Namespaces, v1alpha1.TenantNamespaceStatus{Name: name, Isolated: true})
	}
	retell(tenant, home)
	want := []v1alpha1.TenantNamespaceStatus{
		{Name: "standing", Isolated: true},
		{Name: "ending", Isolated: true, Message: deletingMessage},
		{Name: "gone", Message: deletedMessage},
	}
	if diff := cmp.Diff(want, tenant.Status.Namespaces); diff != "" {
		t.Errorf("the status is not what became of the namespaces (-want +got):\n%s", diff)
	}
	tenant.Status.Model = v1alpha1.ModelSharedNamespace
	tenant.Status.Namespaces = []v1alpha1.TenantNamespaceStatus{
		{Name: tenancy.SharedNamespace("sandbox", "labs"), Isolated: true}, {Name: "gone", Isolated: true},
	}
	retell(tenant, nil)
	want = []v1alpha1.TenantNamespaceStatus{
		{Name: tenancy.SharedNamespace("sandbox", "labs"), Message: leftMessage}, {Name: "gone", Message: deletedMessage},
	}
	if diff := cmp.Diff(want, tenant.Status.Namespaces); diff != "" {
		t.Errorf("the status is not what became of a shared namespace and of one before (-want +got):\n%s", diff)
	}
}

func TestCutTo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ text, want, reason string }{
		{"short", "short", "what fits stays"},
		{"exactly10!", "exactly10!", "the limit itself fits"},
		{"a long sentence", "a long …", "what is cut says so, within the limit"},
		{"äöüäöüäöü", "äöü…", "no letter is cut in half"},
	} {
		if got := cutTo(row.text, 10); got != row.want || len(got) > 10 {
			t.Errorf("%s: %q became %q, %d bytes", row.reason, row.text, got, len(got))
		}
	}
}
