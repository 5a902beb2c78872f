package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
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

// units makes business units true: their share of the parent's envelope, their
// admins' rights and the namespaces that small tenants share.
type units struct {
	*estate.Estate
	ledger *estate.Ledger
}

func (c *units) steps() []steps.Step[*v1alpha1.BusinessUnit] {
	return []steps.Step[*v1alpha1.BusinessUnit]{
		{Condition: tenancy.ConditionAccepted, Run: c.accept},
		{Condition: tenancy.ConditionReserved, Run: c.reserve},
		{Condition: tenancy.ConditionProvisioned, Run: c.provision},
		{Condition: tenancy.ConditionIsolated, Run: c.isolate},
	}
}

// accept closes gates of shared namespaces that lost a guardrail, counts the
// tenants, gives back what the gone ones held, and checks the spec.
func (c *units) accept(ctx context.Context, u *v1alpha1.BusinessUnit) steps.Result {
	home, err := c.sharedNamespaces(ctx, u)
	if err == nil {
		err = c.CloseBroken(ctx, u, estate.KindBusinessUnit, home)
	}
	if err == nil {
		err = c.sweep(ctx, u)
	}
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	members, err := c.TenantsIn(ctx, u.Name)
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	u.Status.Tenants = int32(len(members))
	w, err := c.World(ctx)
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	if errs := tenancy.ValidateUnit(u, w); len(errs) > 0 {
		return steps.Blocked(tenancy.ReasonFor(errs[0]), errs.ToAggregate().Error())
	}
	return steps.Done(tenancy.ReasonAccepted, "The spec is valid.")
}

// sweep gives back the shares of holders that are gone: tenants without an
// object and without namespaces, and business units without an object.
func (c *units) sweep(ctx context.Context, u *v1alpha1.BusinessUnit) error {
	for i := range u.Status.Reservations {
		r := &u.Status.Reservations[i]
		gone, err := c.gone(ctx, r)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		if err := c.ledger.Release(ctx, u.Name, quota.Holder{Kind: r.Kind, Name: r.Name, UID: r.UID}); err != nil {
			return err
		}
	}
	return nil
}

// gone asks the cache first and, before it says yes, the API server.
func (c *units) gone(ctx context.Context, r *v1alpha1.Reservation) (bool, error) {
	var holder client.Object = &v1alpha1.Tenant{}
	if r.Kind == quota.HolderBusinessUnit {
		holder = &v1alpha1.BusinessUnit{}
	}
	key := types.NamespacedName{Name: r.Name}
	if err := c.Client.Get(ctx, key, holder, client.UnsafeDisableDeepCopy); !apierrors.IsNotFound(err) {
		return false, client.IgnoreNotFound(err)
	}
	home, err := c.NamespacesOf(ctx, r.Name)
	if err != nil || (r.Kind == quota.HolderTenant && len(home) > 0) {
		return false, err
	}
	err = c.Live.Get(ctx, key, holder)
	return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
}

// reserve takes the business unit's envelope out of its parent's. What its
// tenants hold already is taken in any case, should the envelope have been
// lowered at the moment they did.
func (c *units) reserve(ctx context.Context, u *v1alpha1.BusinessUnit) steps.Result {
	if u.Spec.Parent == "" {
		return steps.Done(tenancy.ReasonReserved, "The business unit has no parent to reserve its envelope from.")
	}
	err := c.takeShare(ctx, u)
	var exceeded *quota.EnvelopeError
	switch {
	case errors.As(err, &exceeded):
		return steps.Blocked(tenancy.ReasonEnvelopeExceeded, exceeded.Error())
	case errors.Is(err, estate.ErrEnvelopePending):
		return steps.Waiting(tenancy.ReasonEnvelopePending, err.Error(), 0)
	case err != nil:
		return steps.Failed(tenancy.ReasonReserveFailed, err)
	}
	return steps.Done(tenancy.ReasonReserved, fmt.Sprintf("Business unit %q holds the envelope.", u.Spec.Parent))
}

// takeShare makes the parent hold the unit's envelope. What is held already as
// the cache has it costs nothing: when tenants have reserved more meanwhile, the
// unit's own change wakes us again. Nothing is changed but by a live read.
func (c *units) takeShare(ctx context.Context, u *v1alpha1.BusinessUnit) error {
	asked := estate.Larger(u.Spec.Envelope, within(u.Spec.Envelope, u.Status.Reserved))
	if c.ledger.Holds(ctx, u.Spec.Parent, estate.UnitHolder(u), asked) {
		return nil
	}
	var now v1alpha1.BusinessUnit
	if err := c.Live.Get(ctx, client.ObjectKeyFromObject(u), &now); err != nil {
		return fmt.Errorf("read business unit %q: %w", u.Name, err)
	}
	asked = estate.Larger(u.Spec.Envelope, within(u.Spec.Envelope, now.Status.Reserved))
	return c.ledger.Hold(ctx, u.Spec.Parent, estate.UnitHolder(u), asked)
}

// within keeps the amounts of resources that the envelope limits.
func within(envelope, amounts corev1.ResourceList) corev1.ResourceList {
	kept := corev1.ResourceList{}
	for name := range envelope {
		if amount, ok := amounts[name]; ok {
			kept[name] = amount
		}
	}
	return kept
}

// provision writes the admins' rights and the shared namespaces.
func (c *units) provision(ctx context.Context, u *v1alpha1.BusinessUnit) steps.Result {
	w, err := c.World(ctx)
	if err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	applier := c.Applier(func(ctx context.Context, first apply.Ref) error {
		reason := fmt.Sprintf("its admins' rights or shared namespaces differ from what was planned, first of all %s", first)
		return c.Record(ctx, "businessunit.provision", u, estate.KindBusinessUnit, reason, apply.Hash(u))
	})
	rights := tenancy.PlanUnit(u, w)
	common, err := c.planShared(ctx, u, w)
	if err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	taken, err := c.taken(ctx, u, common)
	if err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	if _, err := applier.Apply(ctx, append(slices.Clone(rights), estate.Outside(taken, common)...)); err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	if err := c.pruneRights(ctx, applier, u, rights); err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	if len(taken) > 0 {
		return occupied(taken)
	}
	return steps.Done(tenancy.ReasonProvisioned, fmt.Sprintf("All %d objects are as planned.", len(rights)+len(common)))
}

// taken are the planned namespaces that exist and are not the business unit's:
// whoever made one may have bound himself to roles in it.
func (c *units) taken(ctx context.Context, u *v1alpha1.BusinessUnit, planned []client.Object) ([]string, error) {
	members, err := c.TenantsIn(ctx, u.Name)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, obj := range planned {
		want, is := obj.(*corev1.Namespace)
		if !is {
			continue
		}
		var ns corev1.Namespace
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(want), &ns, client.UnsafeDisableDeepCopy)
		had := slices.ContainsFunc(members, func(t *v1alpha1.Tenant) bool { return estate.Had(t, want.Name) })
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("read namespace %q: %w", want.Name, err)
		case ns.Labels[v1alpha1.LabelTenant] != want.Labels[v1alpha1.LabelTenant] && !had:
			found = append(found, want.Name)
		}
	}
	return found, nil
}

// occupied says that namespaces have to go first. No watch tells when: they are
// nobody's.
func occupied(names []string) steps.Result {
	result := steps.Blocked(tenancy.ReasonNamespaceTaken, fmt.Sprintf(
		"namespace %s exists and was not made by Roadbed: have a platform admin move what is in it and delete it", few(names)))
	result.After = estate.Soon
	return result
}

// planShared plans the shared namespace of each tier that some tenant of the
// business unit uses one of. Tenants that are not accepted yet do not count,
// nor do those that have left; one whose newer spec is refused counts as it was.
func (c *units) planShared(ctx context.Context, u *v1alpha1.BusinessUnit, w tenancy.World) ([]client.Object, error) {
	members, err := c.TenantsIn(ctx, u.Name)
	if err != nil {
		return nil, err
	}
	byTier := map[string][]*v1alpha1.Tenant{}
	for _, t := range members {
		if t := sharer(t, w.Settings); t != nil {
			byTier[t.Spec.Tier] = append(byTier[t.Spec.Tier], t)
		}
	}
	var objects []client.Object
	for _, name := range slices.Sorted(maps.Keys(byTier)) {
		tier := w.Tiers[name]
		if tier == nil {
			continue
		}
		planned, err := tenancy.PlanShared(u, tier, byTier[name], w)
		if err != nil {
			return nil, err
		}
		objects = append(objects, planned...)
	}
	ending, err := c.sharedNamespaces(ctx, u)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(ending, func(_ string, ns *corev1.Namespace) bool { return ns.DeletionTimestamp.IsZero() })
	return estate.Outside(slices.Sorted(maps.Keys(ending)), objects), nil
}

// sharer is the tenant as it counts in a shared namespace, nil if it does not.
func sharer(t *v1alpha1.Tenant, settings tenancy.Settings) *v1alpha1.Tenant {
	if sharing(t) {
		return t
	}
	was, _, ok := tenancy.AsProvisioned(t, settings)
	if !ok || offboard.Leaving(t) || !estate.Shared(was) || !t.DeletionTimestamp.IsZero() {
		return nil
	}
	return was
}

// sharing says whether the tenant's quota belongs to a shared namespace: it
// was accepted as such, holds its share of the envelope and has not left.
func sharing(t *v1alpha1.Tenant) bool {
	return t.Status.Model == v1alpha1.ModelSharedNamespace && t.DeletionTimestamp.IsZero() &&
		condition.IsTrue(t.Status.Conditions, tenancy.ConditionReserved)
}

// pruneRights deletes bindings that the business unit no longer wants. It asks
// for the deletion only when there is one to make.
func (c *units) pruneRights(ctx context.Context, applier *apply.Applier, u *v1alpha1.BusinessUnit, planned []client.Object) error {
	labels := map[string]string{v1alpha1.LabelBusinessUnit: u.Name, v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	var list rbacv1.ClusterRoleBindingList
	if err := c.Client.List(ctx, &list, append(estate.Glance, client.MatchingLabels(labels))...); err != nil {
		return fmt.Errorf("list cluster role bindings of business unit %q: %w", u.Name, err)
	}
	if len(list.Items) < len(planned) { // The plan has one more: the role.
		return nil
	}
	_, err := applier.Prune(ctx, apply.Inventory{Labels: labels, Kinds: rightsKinds}, planned)
	return err
}

// isolate opens the gates of the shared namespaces.
func (c *units) isolate(ctx context.Context, u *v1alpha1.BusinessUnit) steps.Result {
	home, err := c.sharedNamespaces(ctx, u)
	if err != nil {
		return steps.Failed(tenancy.ReasonIsolateFailed, err)
	}
	var complete []string
	waiting := ""
	for _, name := range slices.Sorted(maps.Keys(home)) {
		if estate.Isolated(home[name]) || !home[name].DeletionTimestamp.IsZero() {
			continue
		}
		found, err := c.Inspect(ctx, name)
		if err != nil {
			return steps.Failed(tenancy.ReasonIsolateFailed, err)
		}
		if found.Complete() {
			complete = append(complete, name)
		} else if waiting == "" {
			waiting = fmt.Sprintf("shared namespace %q admits no pods yet: %s", name, found.Message())
		}
	}
	if err := c.Open(ctx, u, estate.KindBusinessUnit, complete); err != nil {
		return steps.Failed(tenancy.ReasonIsolateFailed, err)
	}
	if waiting != "" {
		return steps.Waiting(tenancy.ReasonQuotaNotLive, waiting, 0)
	}
	return steps.Done(tenancy.ReasonIsolated, "Pods may start in every shared namespace.")
}

// sharedNamespaces are the shared namespaces of the business unit that exist.
func (c *units) sharedNamespaces(ctx context.Context, u *v1alpha1.BusinessUnit) (map[string]*corev1.Namespace, error) {
	var tiers v1alpha1.TierList
	if err := c.Client.List(ctx, &tiers, estate.Glance...); err != nil {
		return nil, fmt.Errorf("list tiers: %w", err)
	}
	found := map[string]*corev1.Namespace{}
	for i := range tiers.Items {
		home, err := c.NamespacesOf(ctx, tenancy.SharedName(tiers.Items[i].Name, u.Name))
		if err != nil {
			return nil, err
		}
		maps.Copy(found, home)
	}
	return found, nil
}

// leave lets a business unit go that has neither tenants nor children. Shared
// namespaces stay as they are.
func (c *units) leave(ctx context.Context, u *v1alpha1.BusinessUnit) steps.Result {
	members, err := c.TenantsIn(ctx, u.Name)
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	w, err := c.World(ctx)
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	var left []string
	for _, t := range members {
		left = append(left, "Tenant "+t.Name)
	}
	for _, name := range w.Descendants(u.Name) {
		left = append(left, "BusinessUnit "+name)
	}
	if len(left) > 0 {
		return steps.Blocked(tenancy.ReasonInUse, fmt.Sprintf("it is not deleted while it has %s: offboard or delete those first", few(left)))
	}
	if err := c.RecordBefore(ctx, "businessunit.delete", u, estate.KindBusinessUnit, "the BusinessUnit object was deleted; it has no tenants"); err != nil {
		return steps.Failed(tenancy.ReasonReserveFailed, err)
	}
	return c.dissolve(ctx, u)
}

func (c *units) dissolve(ctx context.Context, u *v1alpha1.BusinessUnit) steps.Result {
	if u.Spec.Parent != "" {
		if err := c.ledger.Release(ctx, u.Spec.Parent, estate.UnitHolder(u)); err != nil {
			return steps.Failed(tenancy.ReasonReserveFailed, err)
		}
	}
	labels := map[string]string{v1alpha1.LabelBusinessUnit: u.Name, v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	silent := func(context.Context, apply.Ref) error { return nil } // leave has recorded it
	if _, err := c.Applier(silent).Prune(ctx, apply.Inventory{Labels: labels, Kinds: rightsKinds}, nil); err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	return steps.Done(tenancy.ReasonReserved, "The business unit's rights and envelope were given back.")
}

// rightsKinds are the kinds that a business unit's rights are made of.
var rightsKinds = kindsOf(rbacv1.SchemeGroupVersion, "ClusterRole", "ClusterRoleBinding")

// few lists names for a message: sorted, and not too many.
func few(names []string) string {
	const most = 5
	sorted := slices.Sorted(slices.Values(names))
	if len(sorted) > most {
		sorted = append(sorted[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(sorted, ", ")
}
