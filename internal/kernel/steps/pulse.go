package steps

import (
	"context"
	"fmt"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// Bare adds a controller that is no Runner, because its objects have no status,
// with the signs of life that a Runner gives. Its Reconcile is not called for
// heartbeats, and its context ends after two minutes, as that of a Runner's steps.
func Bare(mgr manager.Manager, b *builder.Builder, name string, c clock.Clock, l module.Liveness, r reconcile.Reconciler) error {
	l.Expect(name)
	beat := func() { l.Beat(name) }
	heart := func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		queue.Add(heartbeat)
		go func() {
			for passed(ctx, c, heartbeatEvery, nil) {
				queue.Add(heartbeat)
			}
		}()
		return nil
	}
	answer := reconcile.Func(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
		defer beat()
		if req == heartbeat {
			return reconcile.Result{}, nil
		}
		limited, cancel := context.WithTimeout(ctx, reconcileTimeout)
		defer cancel()
		return r.Reconcile(limited, req)
	})
	if err := b.Named(name).WatchesRawSource(source.Func(heart)).Complete(answer); err != nil {
		return fmt.Errorf("set up controller %q: %w", name, err)
	}
	return mgr.Add(standby{beat: beat, clock: c, elected: mgr.Elected()})
}
