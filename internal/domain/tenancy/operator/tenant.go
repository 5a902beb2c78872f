package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/offboard"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// tenants makes tenants true.
type tenants struct {
	*estate.Estate
	ledger   *estate.Ledger
	remnants *offboard.Remnants
	leaving  *offboard.Procedure
}

// steps are what has to become true of a tenant, in order. The last is for
// tenants that leave; it tells the condition Offboarded itself, because
// tenants that stay do not have it.
func (c *tenants) steps() []steps.Step[*v1alpha1.Tenant] {
	return []steps.Step[*v1alpha1.Tenant]{
		{Condition: tenancy.ConditionAccepted, Run: c.keeping(c.accept)},
		{Condition: tenancy.ConditionReserved, Run: c.keeping(c.reserve)},
		{Condition: tenancy.ConditionProvisioned, Run: c.provision},
		{Condition: tenancy.ConditionIsolated, Run: c.isolate},
		{Run: c.leaving.Run},
	}
}

// accept closes the gates of namespaces that lost a guardrail, whatever comes
// of the rest, and checks the spec.
func (c *tenants) accept(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	home, err := c.NamespacesOf(ctx, t.Name)
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	if err := c.CloseBroken(ctx, t, estate.KindTenant, home); err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	if offboard.Leaving(t) {
		return steps.Done(tenancy.ReasonAccepted, "The tenant is being offboarded; its spec is no longer checked.")
	}
	w, err := c.World(ctx)
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	if refused, why := refusal(t, w, home); refused {
		return why
	}
	tier := w.Tiers[t.Spec.Tier]
	t.Status.Model, t.Status.Quota = tenancy.Model(t, tier), quota.Effective(t, tier)
	return steps.Done(tenancy.ReasonAccepted, fmt.Sprintf("The spec fits tier %q and business unit %q.", t.Spec.Tier, t.Spec.BusinessUnit))
}

// refusal says why a tenant cannot be accepted as it is.
func refusal(t *v1alpha1.Tenant, w tenancy.World, home map[string]*corev1.Namespace) (refused bool, why steps.Result) {
	if errs := tenancy.Validate(t, w); len(errs) > 0 {
		return true, steps.Blocked(tenancy.ReasonFor(errs[0]), errs.ToAggregate().Error())
	}
	if ns := inherited(t, home); ns != nil {
		return true, steps.Blocked(tenancy.ReasonNamespaceTaken, fmt.Sprintf(
			"namespace %q is left from an earlier tenant of this name in business unit %q: choose another name, or have a platform admin offboard that one first",
			ns.Name, ns.Labels[v1alpha1.LabelBusinessUnit]))
	}
	return false, steps.Result{}
}

// inherited is a namespace that a namesake in another business unit left: a new
// tenant must not come into its data.
func inherited(t *v1alpha1.Tenant, home map[string]*corev1.Namespace) *corev1.Namespace {
	for _, name := range slices.Sorted(maps.Keys(home)) {
		if unit := home[name].Labels[v1alpha1.LabelBusinessUnit]; unit != "" && unit != t.Spec.BusinessUnit {
			return home[name]
		}
	}
	return nil
}

// reserve takes the tenant's share of its business unit's envelope. Until the
// new quotas are in force the share covers the old ones too.
func (c *tenants) reserve(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	if offboard.Leaving(t) {
		return c.leaving.Reservation(t)
	}
	asked, err := c.share(ctx, t)
	if err == nil {
		err = c.ledger.Secure(ctx, t.Spec.BusinessUnit, estate.TenantHolder(t), asked, func(ctx context.Context) []estate.Claim {
			return c.newcomers(ctx, t.Spec.BusinessUnit)
		})
	}
	var exceeded *quota.EnvelopeError
	switch {
	case errors.As(err, &exceeded):
		return steps.Blocked(tenancy.ReasonEnvelopeExceeded, exceeded.Error())
	case errors.Is(err, estate.ErrEnvelopePending):
		return steps.Waiting(tenancy.ReasonEnvelopePending, err.Error(), 0)
	case err != nil:
		return steps.Failed(tenancy.ReasonReserveFailed, err)
	}
	return steps.Done(tenancy.ReasonReserved, fmt.Sprintf("Business unit %q holds the tenant's share of its envelope.", t.Spec.BusinessUnit))
}

// share is what the tenant needs of the envelope: its quota, and the quotas of
// namespaces that its spec no longer names but that are still there.
func (c *tenants) share(ctx context.Context, t *v1alpha1.Tenant) (corev1.ResourceList, error) {
	dropped, err := c.dropped(ctx, t)
	if err != nil || len(dropped) == 0 {
		return t.Status.Quota, err
	}
	lists := []corev1.ResourceList{t.Status.Quota}
	for _, name := range dropped {
		var rq corev1.ResourceQuota
		err := c.Client.Get(ctx, types.NamespacedName{Namespace: name, Name: name + "-quota"}, &rq, client.UnsafeDisableDeepCopy)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read the quota of namespace %q: %w", name, err)
		}
		lists = append(lists, rq.Spec.Hard)
	}
	return quota.Sum(lists...), nil
}

// dropped are the tenant's namespaces that its spec no longer names, sorted.
func (c *tenants) dropped(ctx context.Context, t *v1alpha1.Tenant) ([]string, error) {
	home, err := c.NamespacesOf(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	if t.Status.Model == v1alpha1.ModelNamespace {
		for _, place := range tenancy.Places(t) {
			delete(home, place.Namespace)
		}
	}
	return slices.Sorted(maps.Keys(home)), nil
}

// provision makes the cluster contain what is planned and deletes what is not
// any longer, but for namespaces and what is in those that the spec dropped.
func (c *tenants) provision(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	if offboard.Leaving(t) {
		return c.leaving.Guard(ctx, t)
	}
	w, err := c.World(ctx)
	if err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	objects, err := tenancy.Plan(t, w)
	if err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	if t.Status.Model == v1alpha1.ModelSharedNamespace {
		if result, ready := c.sharedReady(ctx, t); !ready {
			return result
		}
	}
	ending, err := c.ending(ctx, t)
	if err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	if err := c.adopt(ctx, t); err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	if err := c.bring(ctx, t, estate.Outside(slices.Collect(maps.Keys(ending)), estate.KeepAccess(objects)), wasProvisioned(t)); err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	t.Status.Provisioned = &v1alpha1.Provisioned{Spec: *t.Spec.DeepCopy(), Tier: *w.Tiers[t.Spec.Tier].Spec.DeepCopy()}
	if len(ending) > 0 {
		return c.remnants.Wait(ctx, tenancy.ReasonNamespaceTerminating, ending)
	}
	return steps.Done(tenancy.ReasonProvisioned, fmt.Sprintf("All %d objects are as planned.", len(objects)))
}

// sharedReady waits for the business unit's controller to make the namespace
// that the tenant shares with others.
func (c *tenants) sharedReady(ctx context.Context, t *v1alpha1.Tenant) (steps.Result, bool) {
	name := tenancy.SharedNamespace(t.Spec.Tier, t.Spec.BusinessUnit)
	var ns corev1.Namespace
	err := c.Client.Get(ctx, types.NamespacedName{Name: name}, &ns, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err) || err == nil && ns.Labels[v1alpha1.LabelTenant] != tenancy.SharedName(t.Spec.Tier, t.Spec.BusinessUnit):
		message := fmt.Sprintf("business unit %q has not made namespace %q yet", t.Spec.BusinessUnit, name)
		return steps.Waiting(tenancy.ReasonSharedNamespacePending, message, 0), false
	case err != nil:
		return steps.Failed(tenancy.ReasonApplyFailed, fmt.Errorf("read namespace %q: %w", name, err)), false
	}
	return steps.Result{}, true
}

// ending are the tenant's namespaces that somebody is deleting.
func (c *tenants) ending(ctx context.Context, t *v1alpha1.Tenant) (map[string]*corev1.Namespace, error) {
	home, err := c.NamespacesOf(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(home, func(_ string, ns *corev1.Namespace) bool { return ns.DeletionTimestamp.IsZero() })
	return home, nil
}

// wasProvisioned says whether this very spec was in place before, so that what
// differs from it now is drift.
func wasProvisioned(t *v1alpha1.Tenant) bool {
	before := condition.Get(t.Status.Conditions, tenancy.ConditionProvisioned)
	return before != nil && before.Status == "True" && before.ObservedGeneration == t.Generation
}

// bring applies the objects and prunes what else of the tenant's is in their
// namespaces. The trail hears of it before the first write, and once.
func (c *tenants) bring(ctx context.Context, t *v1alpha1.Tenant, objects []client.Object, repair bool) error {
	applier := c.Applier(func(ctx context.Context, first apply.Ref) error {
		action, reason := "tenant.provision", fmt.Sprintf("the spec of generation %d asks for other objects than there are, first of all %s", t.Generation, first)
		if repair {
			action, reason = "tenant.repair", fmt.Sprintf("%s differs from what was planned, or its tier or business unit changed", first)
		}
		return c.Record(ctx, action, t, estate.KindTenant, reason, apply.Hash(t))
	})
	lowered, err := c.applyShrinkingFirst(ctx, applier, objects)
	if err != nil {
		return err
	}
	report, err := applier.Apply(ctx, objects)
	if err != nil {
		return err
	}
	if repair {
		for _, ref := range slices.Concat(lowered.Changed, report.Created, report.Changed) {
			measured().repaired.WithLabelValues(ref.GVK.Kind).Inc()
		}
	}
	return c.Prune(ctx, applier, t.Name, objects)
}
