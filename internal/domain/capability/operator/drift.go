package operator

import (
	"context"
	"fmt"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	roadv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// pace is how often, at most, the claims of a capability are counted because one
// of them changed.
const pace = 2 * time.Second

// waker wakes Capabilities because of what is not watched from the start: the
// claims of whatever kind, and what was published in the platform's namespace,
// of kinds that come and go with the gateway.
type waker struct {
	cache cache.Cache

	mu    sync.Mutex
	root  context.Context                  // guarded by mu; nil until the controller starts
	queue queue                            // guarded by mu; nil until the controller starts
	known map[schema.GroupVersionKind]bool // the kinds that are watched; guarded by mu
}

// newWaker makes a waker whose cache holds only what capabilities published.
func newWaker(mgr manager.Manager, namespace string) (*waker, error) {
	held, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultNamespaces:    map[string]cache.Config{namespace: {}},
		DefaultLabelSelector: labels.SelectorFromSet(labels.Set{v1alpha1.LabelPublished: "true"}),
		DefaultTransform:     cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of what capabilities published: %w", err)
	}
	return &waker{cache: held, known: map[schema.GroupVersionKind]bool{}}, mgr.Add(held)
}

// hold keeps the controller's queue, which belongs to the controller.
func (w *waker) hold(ctx context.Context, q queue) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.root, w.queue = ctx, q
	return nil
}

// soon has a Capability looked at, once for many calls.
func (w *waker) soon(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue != nil {
		w.queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}, pace)
	}
}

// now has Capabilities looked at.
func (w *waker) now(requests []reconcile.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue == nil {
		return // All are looked at when the controller starts.
	}
	for _, each := range requests {
		w.queue.Add(each)
	}
}

// follow wakes the owners of published objects of the kinds that drift.
func (w *waker) follow(kinds map[schema.GroupVersionKind]client.Object) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for kind, like := range kinds {
		if w.known[kind] || w.queue == nil {
			continue
		}
		if err := source.Kind(w.cache, like, repairs(), apply.Drift()).Start(w.root, w.queue); err != nil {
			return fmt.Errorf("watch %s: %w", kind.Kind, err)
		}
		w.known[kind] = true
	}
	return nil
}

// repairs wakes the owner of what was changed or deleted: what was created is
// the owner's own doing.
func repairs() handler.EventHandler {
	all := apply.EnqueueOwner(v1alpha1.LabelCapability).(handler.Funcs)
	all.CreateFunc = nil
	return all
}

// drifting are the kinds whose objects are followed, as far as the cluster has
// them.
func drifting(w capability.World) map[schema.GroupVersionKind]client.Object {
	kinds := map[schema.GroupVersionKind]client.Object{corev1.SchemeGroupVersion.WithKind("ConfigMap"): &corev1.ConfigMap{}}
	if w.Gateway {
		kinds[httpRoute] = &gatewayv1.HTTPRoute{}
		kinds[roadv1alpha1.GroupVersion.WithKind("LifecyclePolicy")] = &roadv1alpha1.LifecyclePolicy{}
		kinds[roadv1alpha1.GroupVersion.WithKind("RateLimitPolicy")] = &roadv1alpha1.RateLimitPolicy{}
		kinds[roadv1alpha1.GroupVersion.WithKind("AuthorizationPolicy")] = &roadv1alpha1.AuthorizationPolicy{}
	}
	if w.Sloth {
		slos := &unstructured.Unstructured{}
		slos.SetGroupVersionKind(capability.SLOKind)
		kinds[capability.SLOKind] = slos
	}
	return kinds
}

// watches wakes a Capability when what was made of it changed, and those that
// may wait for another one or for a kind that the cluster lacked.
func (c *capabilities) watches(b *builder.Builder) *builder.Builder {
	owner := apply.EnqueueOwner(v1alpha1.LabelCapability)
	for _, each := range []client.Object{
		&admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}, &rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{},
	} {
		b = b.Watches(each, owner, builder.WithPredicates(apply.Drift()))
	}
	return b.
		WatchesRawSource(source.Func(c.waker.hold)).
		Watches(&apiextensionsv1.CustomResourceDefinition{}, owner, builder.WithPredicates(apply.DriftOrStatus())).
		Watches(&apiextensionsv1.CustomResourceDefinition{}, handler.EnqueueRequestsFromMapFunc(c.missed), builder.WithPredicates(apply.DriftOrStatus())).
		Watches(&v1alpha1.Capability{}, handler.EnqueueRequestsFromMapFunc(c.others), builder.WithPredicates(predicate.GenerationChangedPredicate{}))
}

// missed are all Capabilities when a kind came that is published to where the
// cluster has it.
func (c *capabilities) missed(ctx context.Context, definition client.Object) []reconcile.Request {
	crd, is := definition.(*apiextensionsv1.CustomResourceDefinition)
	if !is || !established(crd) || !wanted(crd.Spec.Group, crd.Spec.Names.Kind) {
		return nil
	}
	return c.requests(ctx, func(*v1alpha1.Capability) bool { return true })
}

func wanted(group, kind string) bool {
	for _, each := range []schema.GroupVersionKind{httpRoute, roadv1alpha1.GroupVersion.WithKind("LifecyclePolicy"), capability.SLOKind} {
		if each.Group == group && each.Kind == kind {
			return true
		}
	}
	return false
}

// others are the Capabilities that are not accepted, and may be now.
func (c *capabilities) others(ctx context.Context, changed client.Object) []reconcile.Request {
	return c.requests(ctx, func(each *v1alpha1.Capability) bool { return each.Name != changed.GetName() && !accepted(each) })
}

func (c *capabilities) requests(ctx context.Context, which func(*v1alpha1.Capability) bool) []reconcile.Request {
	all, err := c.all(ctx)
	if err != nil {
		c.log.ErrorContext(ctx, "capabilities that may wait for something are not looked at", "error", err)
		return nil
	}
	var found []reconcile.Request
	for i := range all {
		if which(&all[i]) {
			found = append(found, reconcile.Request{NamespacedName: types.NamespacedName{Name: all[i].Name}})
		}
	}
	return found
}
