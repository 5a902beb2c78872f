package tenancy

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// bindings lets go of the one binding in each namespace that outlives the
// others; see hold. It works for namespaces whose Tenant is gone as well, so
// it is a controller of its own, of an object that has no status.
type bindings struct {
	*cluster
	remnants *remnants
	liveness module.Liveness
}

const bindingsController = "tenancy-bindings"

// Reconcile releases the binding unless its namespace is being deleted and has
// something else left in it.
func (c *bindings) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	defer c.liveness.Beat(bindingsController)
	if req.Name == steps.HeartbeatName {
		return reconcile.Result{}, nil
	}
	var binding rbacv1.RoleBinding
	if err := c.client.Get(ctx, req.NamespacedName, &binding); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !releasable(&binding) {
		return reconcile.Result{}, nil
	}
	last, err := c.last(ctx, &binding)
	if err != nil {
		return reconcile.Result{}, err
	}
	if !last {
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	base := client.MergeFromWithOptions(binding.DeepCopy(), client.MergeFromWithOptimisticLock{})
	controllerutil.RemoveFinalizer(&binding, v1alpha1.Finalizer)
	if err := c.client.Patch(ctx, &binding, base); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("release role binding %s: %w", req, err)
	}
	return reconcile.Result{}, nil
}

// last says whether the binding is all that its namespace waits for.
func (c *bindings) last(ctx context.Context, binding *rbacv1.RoleBinding) (bool, error) {
	var ns corev1.Namespace
	err := c.client.Get(ctx, types.NamespacedName{Name: binding.Namespace}, &ns, client.UnsafeDisableDeepCopy)
	if err != nil {
		return false, fmt.Errorf("read namespace %q: %w", binding.Namespace, err)
	}
	if ns.DeletionTimestamp.IsZero() {
		return true, nil
	}
	left, err := c.remnants.survey(ctx, binding.Namespace)
	if err != nil {
		return false, err
	}
	for _, each := range left {
		if !each.ours() {
			return false, nil
		}
	}
	return true, nil
}

func releasable(obj client.Object) bool {
	return !obj.GetDeletionTimestamp().IsZero() && controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer)
}

// setup adds the controller to the manager.
func (c *bindings) setup(mgr manager.Manager) error {
	c.liveness.Expect(bindingsController)
	return builder.ControllerManagedBy(mgr).
		Named(bindingsController).
		For(&rbacv1.RoleBinding{}, builder.WithPredicates(predicate.NewPredicateFuncs(releasable))).
		WatchesRawSource(source.Func(c.heartbeat)).
		Complete(c)
}

// heartbeat makes the controller answer at once and then regularly. The
// goroutine ends with the controller's context.
func (c *bindings) heartbeat(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	beat := reconcile.Request{NamespacedName: types.NamespacedName{Name: steps.HeartbeatName}}
	q.Add(beat)
	ticker := c.clock.NewTicker(steps.SilenceLimit / 3)
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C():
				q.Add(beat)
			}
		}
	}()
	return nil
}
