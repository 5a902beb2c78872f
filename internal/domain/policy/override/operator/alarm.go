package operator

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// alarm puts objects back into a controller's queue at given moments of the
// program's clock: a controller's own delays follow the wall clock.
type alarm struct {
	clock clock.WithTicker

	mu sync.Mutex
	at map[types.NamespacedName]time.Time // guarded by mu
	// changed has room for one: it says that at has changed.
	changed chan struct{}
}

func newAlarm(c clock.WithTicker) *alarm {
	return &alarm{clock: c, at: map[types.NamespacedName]time.Time{}, changed: make(chan struct{}, 1)}
}

// set wakes the object at the moment, and not at one that was set before. The
// zero time means never.
func (a *alarm) set(key types.NamespacedName, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at[key].Equal(at) {
		return
	}
	if at.IsZero() {
		delete(a.at, key)
	} else {
		a.at[key] = at
	}
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// Start is a source of a controller: it fills the queue in a goroutine that
// ends with the context.
func (a *alarm) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	go func() {
		for ctx.Err() == nil {
			a.ring(ctx, queue)
		}
	}()
	return nil
}

// ring queues what is due, and waits for the next.
func (a *alarm) ring(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	due, next := a.due(a.clock.Now())
	for _, key := range due {
		queue.Add(reconcile.Request{NamespacedName: key})
	}
	timer := a.clock.NewTimer(next)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-a.changed:
	case <-ctx.Done():
	}
}

// idle is how long the alarm sleeps when nothing is set. A clock that jumps is
// noticed no later.
const idle = time.Minute

// due takes what is due, and says how long to wait for the next.
func (a *alarm) due(now time.Time) (due []types.NamespacedName, next time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next = idle
	for key, at := range a.at {
		if !now.Before(at) {
			due = append(due, key)
			delete(a.at, key)
			continue
		}
		next = min(next, at.Sub(now))
	}
	return due, next
}

// keyOf is the object's key.
func keyOf(obj metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}
