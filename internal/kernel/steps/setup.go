package steps

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// reconcileTimeout ends the context of a reconcile that hangs, so that no
// worker is lost for good.
const reconcileTimeout = 2 * time.Minute

// Setup adds the runner to the manager: a controller for the runner's kind,
// watched without a filter (the runner's own status writes must come back to
// it), with what watches adds to it. It starts nothing.
func (r *Runner[T]) Setup(mgr manager.Manager, watches func(*builder.Builder) *builder.Builder) error {
	r.opts.Liveness.Expect(r.opts.Name)
	heart := func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		r.startHeartbeat(ctx, queue)
		return nil
	}
	b := builder.ControllerManagedBy(mgr).
		Named(r.opts.Name).
		For(r.newObject()).
		WatchesRawSource(source.Func(heart)).
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
	return mgr.Add(standby{beat: r.beat, clock: r.opts.Clock, elected: mgr.Elected()})
}
