package operator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

const day = 24 * time.Hour

// TestLives follows overrides through time on a clock that the test turns.
func TestLives(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Now())
	p := start(t, clock, nil)
	t.Run("rejected", func(t *testing.T) { testRejected(t, p) })
	t.Run("approved before Roadbed saw it", func(t *testing.T) { testApprovedAtOnce(t, p) })
	t.Run("revoked", func(t *testing.T) { testRevoked(t, p) })
	t.Run("invalid until it is not", func(t *testing.T) { testInvalid(t, p) })
	t.Run("trail unavailable", func(t *testing.T) { testTrailUnavailable(t, p) })
	t.Run("status unavailable", func(t *testing.T) { testStatusUnavailable(t, p) })
	t.Run("withdrawn", func(t *testing.T) { testWithdrawn(t, p) })
	t.Run("ledger deleted", func(t *testing.T) { testLedgerDeleted(t, p) })
	t.Run("ledgers of earlier versions", func(t *testing.T) { testFormer(t, p, clock) })
	t.Run("made Mandatory", func(t *testing.T) { testMandatory(t, p) })
	t.Run("from request to expiry", func(t *testing.T) { testExpiry(t, p, clock) })
}

func (p *platform) wantTrail(t *testing.T, name string, want ...string) {
	t.Helper()
	kubetest.Eventually(t, patience, "the trail tells of "+name, func() error {
		if got := told(p.trail, name); !slices.Equal(got, want) {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})
}

func reason(o *v1alpha1.PolicyOverride, kind string) string {
	c := condition.Get(o.Status.Conditions, kind)
	if c == nil {
		return ""
	}
	return string(c.Status) + " " + c.Reason
}

func testRejected(t *testing.T, p *platform) {
	p.ask(t, "rejected", day)
	o := p.awaits(t, "rejected", v1alpha1.PhasePending)
	if got := reason(o, condition.Ready); got != "False AwaitingApproval" || len(p.entries(t, "require-owner")) > 0 {
		t.Errorf("before anybody decided, Ready is %s and the ledger has %v", got, p.entries(t, "require-owner"))
	}
	p.decide(t, "rejected", v1alpha1.VerdictRejected)
	p.awaits(t, "rejected", v1alpha1.PhaseRejected)
	p.wantTrail(t, "rejected", "bob policy.override.reject")
}

// testApprovedAtOnce stops Roadbed meanwhile.
func testApprovedAtOnce(t *testing.T, p *platform) {
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p.ask(t, "quick", day)
	p.decide(t, "quick", v1alpha1.VerdictApproved)
	p.run(t)
	p.awaits(t, "quick", v1alpha1.PhaseActive)
	p.wantTrail(t, "quick", "bob policy.override.grant")
}

func testRevoked(t *testing.T, p *platform) {
	p.ask(t, "revoked", day)
	p.decide(t, "revoked", v1alpha1.VerdictApproved)
	p.awaits(t, "revoked", v1alpha1.PhaseActive)
	p.decide(t, "revoked", v1alpha1.VerdictRevoked)
	p.awaits(t, "revoked", v1alpha1.PhaseRevoked)
	p.wantTrail(t, "revoked", "bob policy.override.grant", "bob policy.override.revoke")
	kubetest.Eventually(t, patience, "the ledger lets go", func() error { return p.absent(t, "require-owner", "revoked") })
}

func (p *platform) absent(t *testing.T, policyName, name string) error {
	t.Helper()
	if entries := p.entries(t, policyName); slices.Contains(entries, place+"/"+name) {
		return fmt.Errorf("the ledger has %v", entries)
	}
	return nil
}

func testInvalid(t *testing.T, p *platform) {
	p.ask(t, "early", day, func(o *v1alpha1.PolicyOverride) {
		o.Spec.Policies = []v1alpha1.OverriddenPolicy{{Name: "not-yet"}}
	})
	p.decide(t, "early", v1alpha1.VerdictApproved)
	o := p.awaits(t, "early", v1alpha1.PhaseInvalid)
	if got := reason(o, override.ConditionValid); got != "False NotFound" {
		t.Errorf("Valid is %s", got)
	}
	p.policies.set(append(p.policies.Infos(), policy.Info{Name: "not-yet", Tier: policy.Recommended})...)
	p.awaits(t, "early", v1alpha1.PhaseActive)
}

func testTrailUnavailable(t *testing.T, p *platform) {
	p.trail.Refuse(func(trail.Record) bool { return true })
	p.ask(t, "unrecorded", day)
	p.decide(t, "unrecorded", v1alpha1.VerdictApproved)
	kubetest.Eventually(t, patience, "the controller says why it waits", func() error {
		o := &v1alpha1.PolicyOverride{}
		if err := p.client.Get(t.Context(), client.ObjectKey{Namespace: place, Name: "unrecorded"}, o); err != nil {
			return err
		}
		if got := reason(o, override.ConditionApproved); got != "False TrailUnavailable" {
			return fmt.Errorf("approved is %s", got)
		}
		return p.absent(t, "require-owner", "unrecorded")
	})
	p.trail.Refuse(nil)
	p.awaits(t, "unrecorded", v1alpha1.PhaseActive)
	p.wantTrail(t, "unrecorded", "bob policy.override.grant")
}

// testStatusUnavailable has the API server refuse the status for a while, as one
// does that has just started: the trail tells of the decision once all the same.
func testStatusUnavailable(t *testing.T, p *platform) {
	p.ask(t, "stubborn", day)
	p.awaits(t, "stubborn", v1alpha1.PhasePending)
	block := p.block(t)
	p.decide(t, "stubborn", v1alpha1.VerdictRejected)
	p.wantTrail(t, "stubborn", "bob policy.override.reject")
	tried := p.refusals.Load()
	kubetest.Eventually(t, patience, "the controller tries again", func() error {
		if now := p.refusals.Load(); now < tried+3 {
			return fmt.Errorf("%d times", now-tried)
		}
		return nil
	})
	for _, object := range block {
		if err := p.client.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	p.awaits(t, "stubborn", v1alpha1.PhaseRejected)
	p.wantTrail(t, "stubborn", "bob policy.override.reject")
}

// block has the API server refuse what Roadbed writes into a status.
func (p *platform) block(t *testing.T) []client.Object {
	t.Helper()
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "block"},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{"UPDATE"},
					Rule: admissionregistrationv1.Rule{
						APIGroups: []string{"policy.roadbed.dev"}, APIVersions: []string{"*"}, Resources: []string{"policyoverrides/status"},
					},
				},
			}}},
			Validations: []admissionregistrationv1.Validation{{Expression: "request.userInfo.username != '" + identity.Roadbed + "'", Message: "not now"}},
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: policy.ObjectMeta,
		Spec:       admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: "block", ValidationActions: []admissionregistrationv1.ValidationAction{"Deny"}},
	}
	p.create(t, policy)
	p.create(t, binding)
	kubetest.Eventually(t, patience, "the status is refused", func() error {
		o := &v1alpha1.PolicyOverride{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "stubborn"}}
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"phase":"Approved"}}`))
		if err := p.by(t, identity.Roadbed).Status().Patch(t.Context(), o, patch, client.DryRunAll); err == nil {
			return errors.New("it is taken")
		}
		return nil
	})
	return []client.Object{binding, policy}
}

func testWithdrawn(t *testing.T, p *platform) {
	p.ask(t, "withdrawn", day)
	p.decide(t, "withdrawn", v1alpha1.VerdictApproved)
	o := p.awaits(t, "withdrawn", v1alpha1.PhaseActive)
	if err := p.by(t, "ann").Delete(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "it is gone, from the ledger too", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return p.absent(t, "require-owner", "withdrawn")
	})
	p.wantTrail(t, "withdrawn", "bob policy.override.grant", identity.Roadbed+" policy.override.withdraw")
}

func testLedgerDeleted(t *testing.T, p *platform) {
	p.ask(t, "kept", day)
	p.decide(t, "kept", v1alpha1.VerdictApproved)
	p.awaits(t, "kept", v1alpha1.PhaseActive)
	ledger := &v1alpha1.OverrideLedger{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.LedgerName}}
	if err := p.client.Delete(t.Context(), ledger.DeepCopy()); !apierrors.IsForbidden(err) {
		t.Errorf("a cluster admin deletes the ledger: %v", err)
	}
	if err := p.by(t, identity.Roadbed).Delete(t.Context(), ledger); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, time.Minute, "the ledger is back with what is in force", func() error {
		var again v1alpha1.OverrideLedger
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(ledger), &again); err != nil {
			return err
		}
		if !slices.ContainsFunc(again.Spec.Policies["require-owner"], func(w v1alpha1.Waiver) bool { return w.Override == place+"/kept" }) {
			return fmt.Errorf("it has %v", again.Spec.Policies)
		}
		return nil
	})
}

// testFormer upgrades a Roadbed whose policies had a ledger each as a parameter:
// one without its ledger would refuse nothing.
func testFormer(t *testing.T, p *platform, clock *clocktesting.FakeClock) {
	roadbed := p.by(t, identity.Roadbed)
	former := &v1alpha1.OverrideLedger{ObjectMeta: metav1.ObjectMeta{Name: "overrides-007"}, Spec: override.Compile(nil, override.World{}).Spec}
	reader := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "roadbed-policy-former"},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: "roadbed-policy-former", ValidationActions: []admissionregistrationv1.ValidationAction{"Deny"},
			ParamRef: &admissionregistrationv1.ParamRef{Name: former.Name, ParameterNotFoundAction: new(admissionregistrationv1.AllowAction)},
		},
	}
	p.create(t, reader)
	if err := roadbed.Create(t.Context(), former); err != nil {
		t.Fatal(err)
	}
	// later lets the time go by in which API servers see what has changed, and has
	// the controller look again.
	later := func() error {
		clock.Step(time.Minute)
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"looked-at":%q}}}`, clock.Now())
		return roadbed.Patch(t.Context(), former.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)))
	}
	for range 3 {
		if err := later(); err != nil {
			t.Fatalf("while a policy reads it: %v", err)
		}
	}
	if err := p.client.Delete(t.Context(), reader); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the ledger that nothing reads is gone", func() error {
		if err := later(); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: v1alpha1.LedgerName}, former); err != nil {
		t.Errorf("the ledger: %v", err)
	}
}

func testMandatory(t *testing.T, p *platform) {
	before := p.policies.Infos()
	p.ask(t, "overtaken", day, func(o *v1alpha1.PolicyOverride) { o.Spec.Policies = o.Spec.Policies[:1] })
	p.decide(t, "overtaken", v1alpha1.VerdictApproved)
	p.awaits(t, "overtaken", v1alpha1.PhaseActive)
	p.policies.set(policy.Info{Name: "require-owner", Tier: policy.Mandatory}, policy.Info{Name: "add-owner", Tier: policy.Default})
	o := p.awaits(t, "overtaken", v1alpha1.PhaseApproved)
	if got := reason(o, override.ConditionInForce); !strings.HasPrefix(got, "False ") || len(p.entries(t, "require-owner")) > 0 {
		t.Errorf("InForce is %s, the ledger has %v", got, p.entries(t, "require-owner"))
	}
	p.policies.set(before...)
	p.awaits(t, "overtaken", v1alpha1.PhaseActive)
}

func testExpiry(t *testing.T, p *platform, clock *clocktesting.FakeClock) {
	p.ask(t, "long", 10*day)
	p.decide(t, "long", v1alpha1.VerdictApproved)
	o := p.awaits(t, "long", v1alpha1.PhaseActive)
	if o.Spec.Requester != "ann" || o.Status.GrantedBy != "bob" || reason(o, override.ConditionExpiringSoon) != "" {
		t.Errorf("asked for by %q, granted by %q, conditions %+v", o.Spec.Requester, o.Status.GrantedBy, o.Status.Conditions)
	}
	clock.Step(8*day + time.Minute)
	o = p.awaits(t, "long", v1alpha1.PhaseExpiringSoon)
	if got := reason(o, condition.Ready); got != "True Ready" || reason(o, override.ConditionExpiringSoon) != "True ExpiringSoon" {
		t.Errorf("near its end Ready is %s, ExpiringSoon %s", got, reason(o, override.ConditionExpiringSoon))
	}
	if entries := p.entries(t, "require-owner"); !slices.Contains(entries, place+"/long") {
		t.Errorf("near its end the ledger has %v", entries)
	}
	p.wantEvent(t, "long", override.ReasonExpiringSoon)
	clock.Step(2 * day)
	kubetest.Eventually(t, time.Minute, "the ledger lets go", func() error { return p.absent(t, "require-owner", "long") })
	o = p.awaits(t, "long", v1alpha1.PhaseExpired)
	if got := reason(o, condition.Ready); got != "False Expired" || reason(o, override.ConditionExpiringSoon) != "False Expired" {
		t.Errorf("at the end Ready is %s, ExpiringSoon %s", got, reason(o, override.ConditionExpiringSoon))
	}
	p.wantEvent(t, "long", override.ReasonExpired)
	p.wantTrail(t, "long", "bob policy.override.grant", identity.Roadbed+" policy.override.expire")
}

func (p *platform) wantEvent(t *testing.T, name, reason string) {
	t.Helper()
	kubetest.Eventually(t, patience, "an Event says "+reason, func() error {
		var list eventsv1.EventList
		if err := p.client.List(t.Context(), &list, client.InNamespace(place)); err != nil {
			return err
		}
		if !slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool { return e.Regarding.Name == name && e.Reason == reason }) {
			return fmt.Errorf("none of %d does", len(list.Items))
		}
		return nil
	})
}
