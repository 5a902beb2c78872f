package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// OverrideController is the name of the overrides' controller.
const OverrideController = "policy-override"

// What is recorded of an override on the trail.
const (
	actionGrant    = "policy.override.grant"
	actionReject   = "policy.override.reject"
	actionRevoke   = "policy.override.revoke"
	actionExpire   = "policy.override.expire"
	actionWithdraw = "policy.override.withdraw"
)

// overrides writes the status of overrides.
type overrides struct {
	*registry
	alarm *alarm

	mu sync.Mutex
	// recorded is the last action of each override that this process recorded, so
	// that a status that cannot be written is no reason to record it again.
	recorded map[types.UID]string // guarded by mu
}

func newOverride() *v1alpha1.PolicyOverride { return &v1alpha1.PolicyOverride{} }

func (c *overrides) steps() []steps.Step[*v1alpha1.PolicyOverride] {
	return []steps.Step[*v1alpha1.PolicyOverride]{
		{Condition: override.ConditionValid, Run: c.validate},
		{Condition: override.ConditionApproved, Run: c.approve},
		{Condition: override.ConditionInForce, Run: c.enforce},
	}
}

// validate says whether the override can be granted. One that was decided on is
// not judged again: what became of it is told by the other steps.
func (c *overrides) validate(ctx context.Context, o *v1alpha1.PolicyOverride) steps.Result {
	w, err := c.world(ctx)
	if err != nil {
		return steps.Failed(condition.ReasonPending, err)
	}
	c.alarm.set(keyOf(o), wake(o, w.Now))
	if o.Status.GrantedAt != nil || o.Status.EndedAt != nil || over(o, w.Now) {
		return steps.Done(override.ReasonValid, "What was asked for could be granted.")
	}
	found := override.Validate(o, w)
	if len(found) == 0 {
		return steps.Done(override.ReasonValid, "What is asked for can be granted.")
	}
	o.Status.Phase = v1alpha1.PhaseInvalid
	return steps.Blocked(reasonOf(found), sentences(found))
}

// wake is when the next thing happens to the override by itself.
func wake(o *v1alpha1.PolicyOverride, now time.Time) time.Time {
	end := o.Spec.ExpiresAt.Time
	for _, at := range []time.Time{end.Add(-override.Notice(o)), end} {
		if now.Before(at) {
			return at
		}
	}
	return time.Time{}
}

func over(o *v1alpha1.PolicyOverride, now time.Time) bool { return !now.Before(o.Spec.ExpiresAt.Time) }

// reasonOf is the reason of the most serious finding.
func reasonOf(found field.ErrorList) string {
	reason := override.ReasonNotFound
	for _, each := range found {
		switch {
		case each.Type == field.ErrorTypeForbidden && strings.HasPrefix(each.Field, "spec.policies"):
			return override.ReasonMandatoryPolicy
		case each.Type != field.ErrorTypeNotFound:
			reason = override.ReasonInvalid
		}
	}
	return reason
}

func sentences(found field.ErrorList) string {
	texts := make([]string, len(found))
	for i, each := range found {
		texts[i] = each.Error()
	}
	return strings.Join(texts, "; ") + "."
}

// approve carries a decision out: it goes on the trail before anything else.
func (c *overrides) approve(ctx context.Context, o *v1alpha1.PolicyOverride) steps.Result {
	d := o.Status.Decision
	switch {
	case d == nil && over(o, c.clock.Now()):
		return c.expire(ctx, o)
	case d == nil:
		o.Status.Phase = v1alpha1.PhasePending
		return steps.Waiting(override.ReasonAwaitingApproval, fmt.Sprintf(
			"Nothing is waived before somebody other than %s approves it: roadbed policy override approve %s -n %s.",
			o.Spec.Requester, o.Name, o.Namespace), 0)
	case d.Verdict == v1alpha1.VerdictRejected:
		o.Status.Phase = v1alpha1.PhaseRejected
		return c.end(ctx, o, actionReject, identity.Of(d.By), override.ReasonRejected, says(d.By+" rejected it", d.Comment))
	case d.Verdict == v1alpha1.VerdictRevoked:
		o.Status.Phase = v1alpha1.PhaseRevoked
		return c.end(ctx, o, actionRevoke, identity.Of(d.By), override.ReasonRevoked, says(d.By+" revoked it", d.Comment))
	}
	return c.grant(ctx, o)
}

func says(what, comment string) string {
	if comment == "" {
		return what + "."
	}
	return what + ": " + comment
}

// grant puts the approval on the trail, once.
func (c *overrides) grant(ctx context.Context, o *v1alpha1.PolicyOverride) steps.Result {
	by := o.Status.Decision.By
	if o.Status.GrantedAt == nil && over(o, c.clock.Now()) {
		return c.expire(ctx, o)
	}
	if o.Status.GrantedAt == nil {
		reason := fmt.Sprintf("%s (asked for by %s, ticket %s, until %s)", o.Spec.Justification, o.Spec.Requester, o.Spec.Ticket, end(o))
		if err := c.record(ctx, o, actionGrant, identity.Of(by), reason); err != nil {
			return steps.Failed(override.ReasonTrailUnavailable, err)
		}
		o.Status.GrantedBy, o.Status.GrantedAt = by, new(metav1.NewTime(c.clock.Now()))
		o.Status.Phase = v1alpha1.PhaseApproved
	}
	return steps.Done(override.ReasonApproved, says(by+" approved it", o.Status.Decision.Comment))
}

func end(o *v1alpha1.PolicyOverride) string { return o.Spec.ExpiresAt.UTC().Format(time.RFC3339) }

// enforce says whether the ledger has the override, and when it leaves it.
func (c *overrides) enforce(ctx context.Context, o *v1alpha1.PolicyOverride) steps.Result {
	now := c.clock.Now()
	if over(o, now) {
		return c.expire(ctx, o)
	}
	held, err := c.holds(ctx, o)
	if err != nil {
		return steps.Failed(condition.ReasonPending, fmt.Errorf("read the ledger of overrides: %w", err))
	}
	if !held {
		return c.entering(ctx, o)
	}
	o.Status.Phase = v1alpha1.PhaseActive
	c.warn(o, now)
	return steps.Done(override.ReasonInForce, fmt.Sprintf("The policies are waived until %s.", end(o)))
}

// entering says why the ledger does not have an override that was granted.
func (c *overrides) entering(ctx context.Context, o *v1alpha1.PolicyOverride) steps.Result {
	w, err := c.world(ctx)
	if err != nil {
		return steps.Failed(condition.ReasonPending, err)
	}
	var all v1alpha1.PolicyOverrideList
	if err := c.client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return steps.Failed(condition.ReasonPending, fmt.Errorf("list overrides: %w", err))
	}
	o.Status.Phase = v1alpha1.PhaseApproved
	compiled := override.Compile(all.Items, w)
	switch {
	case slices.Contains(compiled.Full, override.Key(o)):
		return steps.Blocked(override.ReasonLedgerFull,
			"More overrides of these policies are in force than the API server can look through: have overrides revoked that are no longer needed, or narrow the policies.")
	case reasonOf(override.Validate(o, w)) == override.ReasonMandatoryPolicy:
		return steps.Blocked(override.ReasonMandatoryPolicy, "The policies have become Mandatory since it was granted, and are waived for nobody any more.")
	}
	// Not briefly: the status must say that the grant is on the trail, or the
	// ledger waits for it.
	return steps.Waiting(override.ReasonEntering, "It is about to be in force.", 0)
}

// warn tells people that the end is near. The condition's appearance is an
// Event as well.
func (c *overrides) warn(o *v1alpha1.PolicyOverride, now time.Time) {
	if now.Before(o.Spec.ExpiresAt.Add(-override.Notice(o))) {
		return
	}
	o.Status.Phase = v1alpha1.PhaseExpiringSoon
	c.note(o, metav1.ConditionTrue, override.ReasonExpiringSoon, fmt.Sprintf(
		"It ends at %s, and what it covers is refused from then on: follow the policies, or ask for another override in time.", end(o)))
}

// note sets the condition that is not a step's.
func (c *overrides) note(o *v1alpha1.PolicyOverride, status metav1.ConditionStatus, reason, message string) {
	condition.Set(&o.Status.Conditions, metav1.Condition{
		Type: override.ConditionExpiringSoon, Status: status, Reason: reason, Message: message,
		ObservedGeneration: o.Generation, LastTransitionTime: metav1.NewTime(c.clock.Now()),
	})
}

// expire puts the end on the trail. The ledger has let go of the override
// already, by its own clock.
func (c *overrides) expire(ctx context.Context, o *v1alpha1.PolicyOverride) steps.Result {
	o.Status.Phase = v1alpha1.PhaseExpired
	return c.end(ctx, o, actionExpire, identity.Self(), override.ReasonExpired, fmt.Sprintf("It ended at %s: ask for another override if it is still needed.", end(o)))
}

// end puts the end of an override on the trail, once.
func (c *overrides) end(ctx context.Context, o *v1alpha1.PolicyOverride, action string, by identity.Actor, reason, message string) steps.Result {
	if o.Status.EndedAt == nil {
		if err := c.record(ctx, o, action, by, message); err != nil {
			return steps.Failed(override.ReasonTrailUnavailable, err)
		}
		o.Status.EndedAt = new(metav1.NewTime(c.clock.Now()))
	}
	if condition.Get(o.Status.Conditions, override.ConditionExpiringSoon) != nil {
		c.note(o, metav1.ConditionFalse, reason, message)
	}
	return steps.Blocked(reason, message)
}

// withdraw puts on the trail that an override was deleted before its end.
func (c *overrides) withdraw(ctx context.Context, o *v1alpha1.PolicyOverride) steps.Result {
	c.alarm.set(keyOf(o), time.Time{})
	if o.Status.GrantedAt == nil || o.Status.EndedAt != nil {
		c.forget(o)
		return steps.Done(override.ReasonExpired, "Nothing was in force any more.")
	}
	if err := c.record(ctx, o, actionWithdraw, identity.Self(), "Somebody deleted the override; the API server's audit log says who."); err != nil {
		return steps.Failed(override.ReasonTrailUnavailable, err)
	}
	return steps.Done(override.ReasonExpired, "Its end is on record.")
}

func (c *overrides) forget(o *v1alpha1.PolicyOverride) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.recorded, o.UID)
}

// record puts an action on the trail, once in the life of the process.
func (c *overrides) record(ctx context.Context, o *v1alpha1.PolicyOverride, action string, by identity.Actor, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.recorded[o.UID] == action {
		return nil
	}
	err := c.trail.Record(ctx, trail.Record{
		Time: c.clock.Now().UTC(), Actor: by, Action: action, Reason: reason,
		Object: trail.Object{Group: v1alpha1.GroupVersion.Group, Kind: "PolicyOverride", Namespace: o.Namespace, Name: o.Name},
	})
	if err != nil {
		return fmt.Errorf("record on the trail: %w", err)
	}
	c.recorded[o.UID] = action
	return nil
}
