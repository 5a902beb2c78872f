package apply

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// queue is where reconcile requests go.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// EnqueueOwner maps an event of a generated object to the cluster-scoped owner
// that its label names. When the label itself was changed or removed, the old
// owner is called too: it has something to repair.
func EnqueueOwner(label string) handler.EventHandler {
	enqueue := func(q queue, objects ...client.Object) {
		var last string
		for _, obj := range objects {
			owner := obj.GetLabels()[label]
			if owner != "" && owner != last {
				q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Name: owner}})
			}
			last = owner
		}
	}
	return handler.Funcs{
		CreateFunc:  func(_ context.Context, e event.CreateEvent, q queue) { enqueue(q, e.Object) },
		UpdateFunc:  func(_ context.Context, e event.UpdateEvent, q queue) { enqueue(q, e.ObjectOld, e.ObjectNew) },
		DeleteFunc:  func(_ context.Context, e event.DeleteEvent, q queue) { enqueue(q, e.Object) },
		GenericFunc: func(_ context.Context, e event.GenericEvent, q queue) { enqueue(q, e.Object) },
	}
}

// Drift lets through what may need repair: it drops updates in which nothing
// but the status and the server's own bookkeeping differs.
func Drift() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return drifted(e.ObjectOld, e.ObjectNew)
	}}
}

// DriftOrStatus is Drift for those who also act on the status: it drops only
// updates in which nothing but the server's own bookkeeping differs.
func DriftOrStatus() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return drifted(e.ObjectOld, e.ObjectNew) || !equality.Semantic.DeepEqual(status(e.ObjectOld), status(e.ObjectNew))
	}}
}

func drifted(before, after client.Object) bool {
	if reflect.TypeOf(before) != reflect.TypeOf(after) || before.GetUID() != after.GetUID() {
		return true
	}
	return !sameMetadata(before, after) || !bodyMatches(before, after, whole)
}

func sameMetadata(before, after client.Object) bool {
	return maps.Equal(before.GetLabels(), after.GetLabels()) &&
		maps.Equal(before.GetAnnotations(), after.GetAnnotations()) &&
		slices.Equal(before.GetFinalizers(), after.GetFinalizers()) &&
		equality.Semantic.DeepEqual(before.GetOwnerReferences(), after.GetOwnerReferences()) &&
		before.GetDeletionTimestamp().Equal(after.GetDeletionTimestamp())
}

// status is the object's status, nil if its kind has none.
func status(obj client.Object) any {
	field := reflect.ValueOf(obj).Elem().FieldByName("Status")
	if !field.IsValid() {
		return nil
	}
	return field.Interface()
}
