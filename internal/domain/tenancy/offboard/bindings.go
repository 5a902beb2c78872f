package offboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// Bindings lets go of the one binding in each namespace that outlives the
// others; see estate.KeepAccess. It works for namespaces whose Tenant is gone as well, so
// it is a controller of its own, of an object that has no status.
type Bindings struct {
	*estate.Estate
	remnants *Remnants
	liveness module.Liveness
}

// NewBindings returns the controller for the estate.
func NewBindings(e *estate.Estate, left *Remnants, liveness module.Liveness) *Bindings {
	return &Bindings{Estate: e, remnants: left, liveness: liveness}
}

// BindingsController is the controller's name.
const BindingsController = "tenancy-bindings"

// Reconcile releases the bindings of a namespace unless it is being deleted
// and has something else left in it.
func (c *Bindings) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	defer c.liveness.Beat(BindingsController)
	if req.Name == steps.HeartbeatName {
		return reconcile.Result{}, nil
	}
	waiting, err := c.waiting(ctx, req.Name)
	if err != nil || len(waiting) == 0 {
		return reconcile.Result{}, err
	}
	last, err := c.last(ctx, req.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	if !last {
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	for _, binding := range waiting {
		base := client.MergeFromWithOptions(binding.DeepCopy(), client.MergeFromWithOptimisticLock{})
		controllerutil.RemoveFinalizer(binding, v1alpha1.Finalizer)
		if err := c.Client.Patch(ctx, binding, base); client.IgnoreNotFound(err) != nil {
			return reconcile.Result{}, fmt.Errorf("release role binding %q of namespace %q: %w", binding.Name, req.Name, err)
		}
	}
	return reconcile.Result{}, nil
}

// waiting are the namespace's bindings that nothing but our finalizer keeps;
// the one by which we see what is left comes last.
func (c *Bindings) waiting(ctx context.Context, namespace string) ([]*rbacv1.RoleBinding, error) {
	var list rbacv1.RoleBindingList
	if err := c.Client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list role bindings of namespace %q: %w", namespace, err)
	}
	var found []*rbacv1.RoleBinding
	for i := range list.Items {
		if releasable(&list.Items[i]) {
			found = append(found, &list.Items[i])
		}
	}
	slices.SortFunc(found, func(a, b *rbacv1.RoleBinding) int {
		return cmp.Compare(lastToGo(a), lastToGo(b))
	})
	return found, nil
}

func lastToGo(binding *rbacv1.RoleBinding) int {
	if binding.Name == offboarderBinding {
		return 1
	}
	return 0
}

// last says whether such bindings are all that the namespace waits for.
func (c *Bindings) last(ctx context.Context, namespace string) (bool, error) {
	var ns corev1.Namespace
	err := c.Client.Get(ctx, types.NamespacedName{Name: namespace}, &ns, client.UnsafeDisableDeepCopy)
	if err != nil {
		return false, fmt.Errorf("read namespace %q: %w", namespace, err)
	}
	if ns.DeletionTimestamp.IsZero() {
		return true, nil
	}
	left, blind, err := c.remnants.survey(ctx, namespace)
	if err != nil {
		return false, err
	}
	for _, each := range left {
		if !each.ours() {
			return false, nil
		}
	}
	return !blind || onlyBindings(&ns), nil
}

func releasable(obj client.Object) bool {
	return !obj.GetDeletionTimestamp().IsZero() && controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer)
}

// Setup adds the controller to the manager.
func (c *Bindings) Setup(mgr manager.Manager) error {
	c.liveness.Expect(BindingsController)
	err := builder.ControllerManagedBy(mgr).
		Named(BindingsController).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []reconcile.Request {
			return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: obj.GetNamespace()}}}
		}), builder.WithPredicates(predicate.NewPredicateFuncs(releasable))).
		WatchesRawSource(source.Func(c.heartbeat)).
		Complete(c)
	if err == nil {
		err = mgr.Add(standby{Bindings: c, elected: mgr.Elected()})
	}
	if err != nil {
		return fmt.Errorf("set up controller %q: %w", BindingsController, err)
	}
	return nil
}

// beatEvery is how often the controller gives a sign of life.
const beatEvery = steps.SilenceLimit / 3

// standby vouches for a controller that another copy's lease keeps from
// running. From its election on, the controller speaks for itself.
type standby struct {
	*Bindings
	elected <-chan struct{}
}

var _ manager.LeaderElectionRunnable = standby{}

// NeedLeaderElection says no: a standby is there before the election.
func (standby) NeedLeaderElection() bool { return false }

// Start beats until the election is won.
func (s standby) Start(ctx context.Context) error {
	ticker := s.Clock.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.elected:
			return nil
		case <-ticker.C():
			s.liveness.Beat(BindingsController)
		}
	}
}

// heartbeat makes the controller answer at once and then regularly. The
// goroutine ends with the controller's context.
func (c *Bindings) heartbeat(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	beat := reconcile.Request{NamespacedName: types.NamespacedName{Name: steps.HeartbeatName}}
	q.Add(beat)
	ticker := c.Clock.NewTicker(beatEvery)
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
