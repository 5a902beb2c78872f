package steps

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// HeartbeatName is the name in the request that a runner only answers with
	// a sign of life. The slash keeps any object from having it.
	HeartbeatName = "roadbed.dev/heartbeat"
	// heartbeatEvery is a third of SilenceLimit, so that one late heartbeat is
	// no alarm.
	heartbeatEvery = SilenceLimit / 3
	// reconcileTimeout ends the context of a reconcile that hangs, so that no
	// worker is lost for good.
	reconcileTimeout = 2 * time.Minute
)

var heartbeat = reconcile.Request{NamespacedName: types.NamespacedName{Name: HeartbeatName}}

// Setup adds the runner to the manager: a controller for the runner's kind,
// watched without a filter (the runner's own status writes must come back to
// it), with what watches adds to it. It starts nothing.
func (r *Runner[T]) Setup(mgr manager.Manager, watches func(*builder.Builder) *builder.Builder) error {
	r.opts.Liveness.Expect(r.opts.Name)
	b := builder.ControllerManagedBy(mgr).
		Named(r.opts.Name).
		For(r.newObject()).
		WatchesRawSource(source.Func(r.startHeartbeat)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.opts.Concurrency,
			ReconciliationTimeout:   reconcileTimeout,
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
				r.opts.Backoff.Min, r.opts.Backoff.Max),
		})
	if watches != nil {
		b = watches(b)
	}
	if err := b.Complete(r); err != nil {
		return fmt.Errorf("set up controller %q: %w", r.opts.Name, err)
	}
	if err := mgr.Add(standby{beat: r.beat, tick: r.tick, elected: mgr.Elected()}); err != nil {
		return fmt.Errorf("set up standby of controller %q: %w", r.opts.Name, err)
	}
	return nil
}

func (r *Runner[T]) beat() { r.opts.Liveness.Beat(r.opts.Name) }

// startHeartbeat puts a heartbeat into the controller's own queue at once and
// then regularly: only a controller that works its queue off answers it. The
// goroutine ends with the controller's context.
func (r *Runner[T]) startHeartbeat(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	queue.Add(heartbeat)
	go func() {
		for r.tick(ctx, nil) {
			queue.Add(heartbeat)
		}
	}()
	return nil
}

// tick waits for the next heartbeat; it returns false when the context or stop
// ends first.
func (r *Runner[T]) tick(ctx context.Context, stop <-chan struct{}) bool {
	timer := r.opts.Clock.NewTimer(heartbeatEvery)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	case <-stop:
		return false
	}
}

// standby vouches for a controller that another replica's lease keeps from
// running. From its election on, the controller has to speak for itself.
type standby struct {
	beat    func()
	tick    func(ctx context.Context, stop <-chan struct{}) bool
	elected <-chan struct{}
}

var _ manager.LeaderElectionRunnable = standby{}

// NeedLeaderElection says no: a standby is there before the election.
func (standby) NeedLeaderElection() bool { return false }

// Start beats until the election is won.
func (s standby) Start(ctx context.Context) error {
	for s.tick(ctx, s.elected) {
		s.beat()
	}
	return nil
}
