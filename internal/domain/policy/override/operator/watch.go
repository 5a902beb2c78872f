package operator

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// watches of the ledger: whatever changes asks for the one object.
func (l *ledger) watches(b *builder.Builder) *builder.Builder {
	one := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: ledgerKey}}
	})
	within := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, namespace client.Object) []reconcile.Request {
		if len(l.within(ctx, namespace)) == 0 { // most new namespaces
			return nil
		}
		return []reconcile.Request{{NamespacedName: ledgerKey}}
	})
	return b.
		Watches(&v1alpha1.OverrideLedger{}, one).
		Watches(&v1alpha1.PolicyOverride{}, one).
		Watches(&tenancyv1alpha1.Tier{}, one).
		Watches(&corev1.Namespace{}, within, builder.WithPredicates(moved())).
		WatchesRawSource(source.Func(l.alarm.Start)).
		WatchesRawSource(source.Channel(changes(l.policies), one))
}

// watches of overrides: the ledger says whether they are in force, tiers what
// they may be, namespaces where they are.
func (c *overrides) watches(b *builder.Builder) *builder.Builder {
	all := handler.EnqueueRequestsFromMapFunc(c.all)
	return b.
		Watches(&v1alpha1.OverrideLedger{}, all, builder.WithPredicates(predicate.NewPredicateFuncs(everything))).
		Watches(&tenancyv1alpha1.Tier{}, all).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(c.within), builder.WithPredicates(moved())).
		WatchesRawSource(source.Func(c.alarm.Start)).
		WatchesRawSource(source.Channel(changes(c.policies), all))
}

// changes has an event whenever the policies have changed, and one to begin with:
// a ledger must be even when there is nothing else.
func changes(policies Policies) <-chan event.GenericEvent {
	events := make(chan event.GenericEvent, 1)
	ring := func() {
		select {
		case events <- event.GenericEvent{Object: &v1alpha1.OverrideLedger{}}:
		default: // One that waits tells of this change, too.
		}
	}
	policies.OnChange(ring)
	ring()
	return events
}

// all are requests for every override.
func (r *registry) all(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.requests(ctx)
}

// within are requests for the overrides in a namespace.
func (r *registry) within(ctx context.Context, namespace client.Object) []reconcile.Request {
	return r.requests(ctx, client.InNamespace(namespace.GetName()))
}

func (r *registry) requests(ctx context.Context, which ...client.ListOption) []reconcile.Request {
	var list v1alpha1.PolicyOverrideList
	if err := r.client.List(ctx, &list, append(which, client.UnsafeDisableDeepCopy)...); err != nil {
		r.log.ErrorContext(ctx, "overrides cannot be listed", "error", err)
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = keyOf(&list.Items[i])
	}
	return requests
}

// everything selects the ledger that holds everything.
func everything(obj client.Object) bool { return obj.GetName() == v1alpha1.LedgerName }

// moved selects changes of whose a namespace is.
func moved() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return override.PlaceOf(e.ObjectOld.GetLabels()) != override.PlaceOf(e.ObjectNew.GetLabels())
		},
	}
}
