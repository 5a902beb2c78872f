package operator

import (
	"context"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func request(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}

// notOurOwn drops creations: a generated object is created by the pass that
// then looks at it, and after a restart every owner is looked at anyhow.
var notOurOwn = predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }}

// quotaChanged lets through what concerns isolation: the quota itself and what
// of it is enforced, not what is used of it.
var quotaChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*corev1.ResourceQuota)
	after, also := e.ObjectNew.(*corev1.ResourceQuota)
	if ok && also && !equality.Semantic.DeepEqual(before.Status.Hard, after.Status.Hard) {
		return true
	}
	return apply.Drift().Update(e)
}}

// watches wakes a tenant when something that was generated for it changed, its
// tier or business unit did, or what it is blocked by went away.
func (c *tenants) watches(b *builder.Builder) *builder.Builder {
	owner := apply.EnqueueOwner(v1alpha1.LabelTenant)
	for _, each := range estate.GeneratedObjects() {
		changed := apply.Drift()
		if _, is := each.(*corev1.ResourceQuota); is {
			changed = quotaChanged
		}
		b = b.Watches(each, owner, builder.WithPredicates(notOurOwn, changed))
	}
	return b.
		Watches(&corev1.Namespace{}, owner, builder.WithPredicates(notOurOwn, apply.DriftOrStatus())).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(c.interested)).
		Watches(&corev1.ResourceQuota{}, handler.EnqueueRequestsFromMapFunc(c.sharers), builder.WithPredicates(quotaChanged)).
		Watches(&v1alpha1.Tier{}, handler.EnqueueRequestsFromMapFunc(c.ofTier), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.BusinessUnit{}, c.unitChanged()).
		Watches(&v1alpha1.Tenant{}, handler.Funcs{DeleteFunc: func(ctx context.Context, _ event.DeleteEvent, q queue) {
			c.add(ctx, q, unaccepted)
		}})
}

// interested are the tenants to whom a namespace matters that is not theirs
// alone: they claim its name, or share it.
func (c *tenants) interested(ctx context.Context, obj client.Object) []reconcile.Request {
	var found []reconcile.Request
	label := obj.GetLabels()[v1alpha1.LabelTenant]
	claimants := c.Claimants(ctx, obj.GetName())
	for i := range claimants {
		if claimants[i].Name != label {
			found = append(found, request(claimants[i].Name))
		}
	}
	return append(found, c.sharers(ctx, obj)...)
}

// sharers are the tenants that share the namespace which the object is, or is
// in. Its guardrails are the business unit's, but each of them waits for them.
func (c *tenants) sharers(ctx context.Context, obj client.Object) []reconcile.Request {
	if !isShared(obj) {
		return nil
	}
	unit, tier := obj.GetLabels()[v1alpha1.LabelBusinessUnit], obj.GetLabels()[v1alpha1.LabelTier]
	members, err := c.TenantsIn(ctx, unit)
	return c.requests(ctx, err, slices.DeleteFunc(members, func(t *v1alpha1.Tenant) bool {
		return !estate.Shared(t) || t.Spec.Tier != tier
	}))
}

func (c *tenants) ofTier(ctx context.Context, obj client.Object) []reconcile.Request {
	users, err := c.TenantsOfTier(ctx, obj.GetName())
	return c.requests(ctx, err, users)
}

// requests are for the tenants that were found, unless reading them failed.
func (c *tenants) requests(ctx context.Context, err error, found []*v1alpha1.Tenant) []reconcile.Request {
	if err != nil {
		c.Log.ErrorContext(ctx, "tenants cannot be read", "error", err)
		return nil
	}
	requests := make([]reconcile.Request, 0, len(found))
	for _, t := range found {
		requests = append(requests, request(t.Name))
	}
	return requests
}

// unitChanged wakes all tenants in and below a business unit whose spec
// changed, and those that wait for an envelope when one got room.
func (c *tenants) unitChanged() handler.EventHandler {
	all := func(ctx context.Context, unit string, q queue) {
		c.add(ctx, q, c.below(ctx, unit, func(*v1alpha1.Tenant) bool { return true }))
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { all(ctx, e.Object.GetName(), q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { all(ctx, e.Object.GetName(), q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, after := e.ObjectOld.(*v1alpha1.BusinessUnit), e.ObjectNew.(*v1alpha1.BusinessUnit)
			switch {
			case before.Generation != after.Generation:
				all(ctx, after.Name, q)
			case gotRoom(before, after):
				c.add(ctx, q, c.below(ctx, after.Name, unreserved))
			}
		},
	}
}

// gotRoom says whether a reservation in the unit shrank, or one of its
// children's grew, so that somebody may fit in who did not.
func gotRoom(before, after *v1alpha1.BusinessUnit) bool {
	if equality.Semantic.DeepEqual(before.Status.Reservations, after.Status.Reservations) {
		return false
	}
	for name, amount := range before.Status.Reserved {
		if now := after.Status.Reserved[name]; now.Cmp(amount) < 0 {
			return true
		}
	}
	return !equality.Semantic.DeepEqual(children(before), children(after))
}

func children(u *v1alpha1.BusinessUnit) []v1alpha1.Reservation {
	var found []v1alpha1.Reservation
	for _, r := range u.Status.Reservations {
		if r.Kind == quota.HolderBusinessUnit {
			found = append(found, r)
		}
	}
	return found
}

func unreserved(t *v1alpha1.Tenant) bool {
	return !condition.IsTrue(t.Status.Conditions, tenancy.ConditionReserved)
}

func unaccepted(t *v1alpha1.Tenant) bool {
	return !condition.IsTrue(t.Status.Conditions, tenancy.ConditionAccepted)
}

// below narrows which to tenants of the business unit and those under it.
func (c *tenants) below(ctx context.Context, unit string, which func(*v1alpha1.Tenant) bool) func(*v1alpha1.Tenant) bool {
	reach := map[string]bool{unit: true}
	w, err := c.World(ctx)
	if err != nil {
		c.Log.ErrorContext(ctx, "business units cannot be read", "name", unit, "error", err)
		return which // Better too many than too few.
	}
	for _, name := range w.Descendants(unit) {
		reach[name] = true
	}
	return func(t *v1alpha1.Tenant) bool { return reach[t.Spec.BusinessUnit] && which(t) }
}

func (c *tenants) matching(ctx context.Context, which func(*v1alpha1.Tenant) bool) []reconcile.Request {
	var list v1alpha1.TenantList
	if err := c.Client.List(ctx, &list, estate.Glance...); err != nil {
		c.Log.ErrorContext(ctx, "tenants cannot be read", "error", err)
		return nil
	}
	var found []reconcile.Request
	for i := range list.Items {
		if which(&list.Items[i]) {
			found = append(found, request(list.Items[i].Name))
		}
	}
	return found
}

func (c *tenants) add(ctx context.Context, q queue, which func(*v1alpha1.Tenant) bool) {
	for _, each := range c.matching(ctx, which) {
		q.Add(each)
	}
}

// calm is how long a count of tenants may lag behind, so that five hundred new
// tenants are not five hundred writes of it.
const calm = 3 * time.Second

// watches wakes a business unit when its tenants, its relatives, what was
// generated for it or what a tenant of the past left behind changed.
func (c *units) watches(b *builder.Builder) *builder.Builder {
	rights := apply.EnqueueOwner(v1alpha1.LabelBusinessUnit)
	b = b.
		Watches(&rbacv1.ClusterRole{}, rights, builder.WithPredicates(notOurOwn, apply.Drift())).
		Watches(&rbacv1.ClusterRoleBinding{}, rights, builder.WithPredicates(notOurOwn, apply.Drift())).
		Watches(&v1alpha1.Tenant{}, c.tenantChanged()).
		Watches(&v1alpha1.BusinessUnit{}, c.relativeChanged()).
		Watches(&v1alpha1.Tier{}, handler.EnqueueRequestsFromMapFunc(c.all), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Namespace{}, rights, builder.WithPredicates(notOurOwn, predicate.NewPredicateFuncs(isShared), apply.DriftOrStatus())).
		Watches(&corev1.Namespace{}, handler.Funcs{DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			if unit := e.Object.GetLabels()[v1alpha1.LabelBusinessUnit]; unit != "" {
				q.Add(request(unit))
			}
		}})
	for _, each := range estate.GeneratedObjects() {
		changed := apply.Drift()
		if _, is := each.(*corev1.ResourceQuota); is {
			changed = quotaChanged
		}
		b = b.Watches(each, rights, builder.WithPredicates(notOurOwn, predicate.NewPredicateFuncs(isShared), changed))
	}
	return b
}

// isShared says whether an object belongs to a shared namespace as a whole.
func isShared(obj client.Object) bool {
	labels := obj.GetLabels()
	return labels[v1alpha1.LabelTenant] == tenancy.SharedName(labels[v1alpha1.LabelTier], labels[v1alpha1.LabelBusinessUnit])
}

func (c *units) all(ctx context.Context, _ client.Object) []reconcile.Request {
	w, err := c.World(ctx)
	if err != nil {
		c.Log.ErrorContext(ctx, "business units cannot be read", "error", err)
		return nil
	}
	var found []reconcile.Request
	for _, name := range slices.Sorted(maps.Keys(w.Units)) {
		found = append(found, request(name))
	}
	return found
}

// under are all business units below one. Its children do not pass on what they
// were given if they had it in their books already, so all are woken.
func (c *units) under(ctx context.Context, unit string) []reconcile.Request {
	w, err := c.World(ctx)
	if err != nil {
		c.Log.ErrorContext(ctx, "business units cannot be read", "name", unit, "error", err)
		return nil
	}
	var found []reconcile.Request
	for _, name := range w.Descendants(unit) {
		found = append(found, request(name))
	}
	return found
}

// tenantChanged wakes the business unit of a tenant that came, went or changed
// its share of a shared namespace. Only the last is urgent.
func (c *units) tenantChanged() handler.EventHandler {
	later := func(obj client.Object, q queue) { q.AddAfter(request(obj.(*v1alpha1.Tenant).Spec.BusinessUnit), calm) }
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { later(e.Object, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { later(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			before, after := e.ObjectOld.(*v1alpha1.Tenant), e.ObjectNew.(*v1alpha1.Tenant)
			if sharing(before) != sharing(after) || sharing(after) && before.Generation != after.Generation {
				q.Add(request(after.Spec.BusinessUnit))
			}
		},
	}
}

// relativeChanged wakes a business unit when one above or below it came, went
// or changed its spec, and when the envelope of one above it got room.
func (c *units) relativeChanged() handler.EventHandler {
	all := func(ctx context.Context, q queue) {
		for _, each := range c.all(ctx, nil) {
			q.Add(each)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				all(ctx, q)
			}
		},
		DeleteFunc: func(ctx context.Context, _ event.DeleteEvent, q queue) { all(ctx, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, after := e.ObjectOld.(*v1alpha1.BusinessUnit), e.ObjectNew.(*v1alpha1.BusinessUnit)
			switch {
			case before.Generation != after.Generation:
				all(ctx, q)
			case gotRoom(before, after):
				for _, each := range c.under(ctx, after.Name) {
					q.Add(each)
				}
			}
		},
	}
}

// tierWatches wakes a tier when a tenant came, went or changed its spec.
func (c *tiers) watches(b *builder.Builder) *builder.Builder {
	return b.Watches(&v1alpha1.Tenant{}, handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { later(e.Object, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { later(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				later(e.ObjectOld, q)
				later(e.ObjectNew, q)
			}
		},
	})
}

func later(obj client.Object, q queue) { q.AddAfter(request(obj.(*v1alpha1.Tenant).Spec.Tier), calm) }
