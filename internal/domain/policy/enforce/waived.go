package enforce

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
)

// waivers are the overrides in force of a policy. Without a ledger nothing is
// waived.
func (k *keeper) waivers(ctx context.Context, policy string) (policyv1alpha1.Waivers, error) {
	ledger := &policyv1alpha1.OverrideLedger{}
	err := k.client.Get(ctx, client.ObjectKey{Name: policyv1alpha1.LedgerName}, ledger, client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read the ledger of overrides: %w", err)
	}
	return ledger.Spec.Policies[policy], nil
}

// waived wakes the policies whose entries in the ledger changed. Of those of other
// kinds with the same name there is nothing to do.
func waived() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { wake(q, nil, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { wake(q, e.ObjectOld, e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { wake(q, e.Object, nil) },
	}
}

func wake(q workqueue.TypedInterface[reconcile.Request], before, after client.Object) {
	was, is := entries(before), entries(after)
	for _, names := range []map[string]policyv1alpha1.Waivers{was, is} {
		for name := range names {
			if !equality.Semantic.DeepEqual(was[name], is[name]) {
				q.Add(reconcile.Request{NamespacedName: keyOf(name)})
			}
		}
	}
}

// entries are those of the ledger; those of earlier versions do not count.
func entries(object client.Object) map[string]policyv1alpha1.Waivers {
	if ledger, is := object.(*policyv1alpha1.OverrideLedger); is && ledger.Name == policyv1alpha1.LedgerName {
		return ledger.Spec.Policies
	}
	return nil
}
