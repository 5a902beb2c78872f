package claim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account/hands"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/deed"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// queue is where claims wait to be looked at.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Engine makes the claims of one capability true. Its goroutines, watches and
// caches end with the context that Start was given.
type Engine struct {
	capability string
	kind       schema.GroupVersionKind
	cache      cache.Cache
	controller controller.Controller
	runner     *steps.Runner[*Claim]
	orders     *orders
	hands      *hands.Hands
	deeds      *deed.Book
	written    *written
	clock      clock.Clock
	log        *slog.Logger
	// changed is told of each change of a claim.
	changed func()

	mu      sync.Mutex
	watched map[schema.GroupVersionKind]bool // guarded by mu
	queue   queue                            // guarded by mu; nil until the controller starts
}

// pass is what one pass over a claim has found out. It is in the context of the
// pass, and only the worker that makes it touches it.
type pass struct {
	order   *Order
	waiting string
}

const (
	// workers is how many claims of one capability are worked on at once.
	workers = 8
	// listLimit is how long a worker waits for a kind to be listed.
	listLimit = 5 * time.Second
)

// newEngine makes the engine of a capability, which does nothing yet.
func newEngine(mgr manager.Manager, host hostOf, kind schema.GroupVersionKind, external bool, changed func()) (*Engine, error) {
	all := newClaim(kind).Unstructured
	held, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultTransform:     cache.TransformStripManagedFields(),
		DefaultLabelSelector: labels.SelectorFromSet(labels.Set{v1alpha1.LabelCapability: host.capability}),
		ByObject:             map[client.Object]cache.ByObject{all: {Label: labels.Everything()}},
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache for claims of %q: %w", host.capability, err)
	}
	reader, err := client.New(mgr.GetConfig(), client.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		Cache: &client.CacheOptions{Reader: held, Unstructured: true},
	})
	if err != nil {
		return nil, fmt.Errorf("make the client for claims of %q: %w", host.capability, err)
	}
	direct, err := client.New(mgr.GetConfig(), client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, fmt.Errorf("make the client for rights of %q: %w", host.capability, err)
	}
	e := &Engine{
		capability: host.capability, kind: kind, cache: held, orders: host.orders, clock: host.clock, log: host.log, changed: changed,
		hands: hands.New(host.capability, hands.Deps{
			Config: mgr.GetConfig(), Mapper: mgr.GetRESTMapper(), Scheme: mgr.GetScheme(), Own: direct, Clock: host.clock, Trail: host.trail,
		}),
		deeds:   deed.NewBook(host.trail),
		written: &written{objects: map[place]*unstructured.Unstructured{}},
		watched: map[schema.GroupVersionKind]bool{},
	}
	options := steps.Options{
		Name: "claims-" + host.capability, Concurrency: workers, Clock: host.clock, Log: host.log,
		Recorder: mgr.GetEventRecorder("claims-" + host.capability),
	}
	var teardown []steps.Step[*Claim]
	if external {
		options.Finalizer = v1alpha1.ClaimFinalizer
		teardown = []steps.Step[*Claim]{{Run: e.leave}}
	}
	e.runner = steps.New(claims{reader}, func() *Claim { return newClaim(kind) }, options, e.steps(), teardown...)
	e.controller, err = controller.NewUnmanaged("claims-"+host.capability, controller.Options{
		Reconciler: e, MaxConcurrentReconciles: workers, SkipNameValidation: new(true), NeedLeaderElection: new(false),
		ReconciliationTimeout: 2 * time.Minute, CacheSyncTimeout: mgr.GetControllerOptions().CacheSyncTimeout, Logger: mgr.GetLogger(),
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, time.Minute),
	})
	return e, err
}

// Start runs the engine until the context ends, and returns when all of it has
// ended.
func (e *Engine) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	caching := make(chan error, 1)
	go func() { caching <- e.cache.Start(ctx) }()
	hold := source.Func(func(_ context.Context, q queue) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.queue = q
		return nil
	})
	if err := e.controller.Watch(hold); err != nil {
		return err
	}
	told := handler.TypedFuncs[*unstructured.Unstructured, reconcile.Request]{
		CreateFunc: func(_ context.Context, ev event.TypedCreateEvent[*unstructured.Unstructured], q queue) {
			e.wake(q, ev.Object)
		},
		UpdateFunc: func(_ context.Context, ev event.TypedUpdateEvent[*unstructured.Unstructured], q queue) {
			e.wake(q, ev.ObjectNew)
		},
		DeleteFunc: func(_ context.Context, ev event.TypedDeleteEvent[*unstructured.Unstructured], q queue) {
			e.deeds.Forget(ev.Object.GetUID())
			e.wake(q, ev.Object)
		},
	}
	if err := e.controller.Watch(source.TypedKind[*unstructured.Unstructured, reconcile.Request](e.cache, newClaim(e.kind).Unstructured, told)); err != nil {
		return err
	}
	err := e.controller.Start(ctx)
	cancel()
	if ended := <-caching; err == nil {
		err = ended
	}
	return err
}

func (e *Engine) wake(q queue, claim *unstructured.Unstructured) {
	q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)})
	e.changed()
}

// Reconcile makes one pass over a claim.
func (e *Engine) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	return e.runner.Reconcile(context.WithValue(ctx, passKey{}, &pass{}), request)
}

// passKey finds the pass in its context.
type passKey struct{}

func passOf(ctx context.Context) *pass { return ctx.Value(passKey{}).(*pass) }

// Enqueue has one claim looked at.
func (e *Engine) Enqueue(claim types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.queue != nil {
		e.queue.Add(reconcile.Request{NamespacedName: claim})
	}
}

// EnqueueAll has every claim looked at, or every one in a namespace. Claims that
// are not known yet will be looked at when they are.
func (e *Engine) EnqueueAll(ctx context.Context, namespace string) error {
	all, err := e.Claims(ctx)
	if errors.Is(err, errUnknown) {
		return nil
	}
	for i := range all {
		if namespace == "" || all[i].GetNamespace() == namespace {
			e.Enqueue(client.ObjectKeyFromObject(&all[i]))
		}
	}
	return err
}

// errUnknown says that an engine has not learned of its claims yet.
var errUnknown = errors.New("the claims are not known yet")

// Claims are all claims of the capability, as its cache has them. They MUST NOT
// be changed. It never waits: an engine may end before it learns of its claims,
// and whoever waited for that would wait for ever.
func (e *Engine) Claims(ctx context.Context) ([]unstructured.Unstructured, error) {
	informer, err := e.cache.GetInformer(ctx, newClaim(e.kind).Unstructured, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	if !informer.HasSynced() {
		return nil, errUnknown
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(e.kind.GroupVersion().WithKind(e.kind.Kind + "List"))
	err = e.cache.List(ctx, list, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// watch has the objects of a kind watched that were made for claims. Whatever is
// changed of them after it has returned is noticed.
func (e *Engine) watch(ctx context.Context, kind schema.GroupVersionKind, order *Order) error {
	if kind.GroupKind() == secretKind.GroupKind() {
		return nil
	}
	e.mu.Lock()
	known := e.watched[kind]
	e.mu.Unlock()
	if known {
		return nil
	}
	if err := e.mayWatch(ctx, kind, order); err != nil {
		return err
	}
	like := &unstructured.Unstructured{}
	like.SetGroupVersionKind(kind)
	informer, err := e.cache.GetInformer(ctx, like, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch %s: %w", kind.Kind, err)
	}
	limited, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	if !toolscache.WaitForCacheSync(limited.Done(), informer.HasSynced) {
		return &RefusedError{Reason: ReasonUnavailable, Pending: true, Message: fmt.Sprintf("%s of %s, which the capability makes, cannot be listed yet", kind.Kind, kind.GroupVersion())}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watched[kind] {
		return nil
	}
	err = e.controller.Watch(&source.TypedInformer[*unstructured.Unstructured, reconcile.Request]{
		Informer: informer, Handler: e.owner(), Predicates: []predicate.TypedPredicate[*unstructured.Unstructured]{drifted},
	})
	if err != nil {
		return fmt.Errorf("watch %s: %w", kind.Kind, err)
	}
	e.watched[kind] = true
	return nil
}

// mayWatch says why a kind cannot be provisioned.
func (e *Engine) mayWatch(ctx context.Context, kind schema.GroupVersionKind, order *Order) error {
	mapping, err := e.hands.Mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return &RefusedError{Reason: ReasonUnavailable, Pending: true, Message: fmt.Sprintf("this cluster has no %s of %s, which the capability makes: the platform team must install it", kind.Kind, kind.GroupVersion())}
	}
	if err != nil {
		return fmt.Errorf("find kind %s: %w", kind.Kind, err)
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return refuse(ReasonInvalidProvisioner, "revision %q makes a %s, which is in no namespace: capabilities make objects in the tenant's namespace only", order.Revision.Name, kind.Kind)
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "watch", Group: mapping.Resource.Group, Resource: mapping.Resource.Resource},
	}}
	if err := e.hands.Own.Create(ctx, review); err != nil {
		return fmt.Errorf("ask for the right to watch %s: %w", mapping.Resource.Resource, err)
	}
	if !review.Status.Allowed {
		return &RefusedError{Reason: ReasonUnavailable, Pending: true, Message: fmt.Sprintf(
			"Roadbed may not watch %s, which the capability makes: the platform team must allow get, list and watch in a ClusterRole with the label %saggregate-to-roadbed: \"true\"",
			mapping.Resource.GroupResource(), v1alpha1.Prefix)}
	}
	return nil
}

// drifted lets through what may need repair or has become ready. Creations are
// the claim's own doing, and after a start every claim is looked at anyhow.
var drifted = predicate.TypedFuncs[*unstructured.Unstructured]{
	CreateFunc: func(event.TypedCreateEvent[*unstructured.Unstructured]) bool { return false },
	UpdateFunc: func(ev event.TypedUpdateEvent[*unstructured.Unstructured]) bool {
		status := func(o *unstructured.Unstructured) any { return o.Object["status"] }
		return apply.Drift().Update(event.UpdateEvent{ObjectOld: ev.ObjectOld, ObjectNew: ev.ObjectNew}) ||
			!covers(status(ev.ObjectOld), status(ev.ObjectNew)) || !covers(status(ev.ObjectNew), status(ev.ObjectOld))
	},
}

// owner wakes the claim that an object was made for.
func (e *Engine) owner() handler.TypedEventHandler[*unstructured.Unstructured, reconcile.Request] {
	add := func(q queue, object *unstructured.Unstructured) {
		if name := object.GetLabels()[v1alpha1.LabelClaim]; name != "" {
			q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: object.GetNamespace(), Name: name}})
		}
	}
	return handler.TypedFuncs[*unstructured.Unstructured, reconcile.Request]{
		UpdateFunc: func(_ context.Context, ev event.TypedUpdateEvent[*unstructured.Unstructured], q queue) {
			add(q, ev.ObjectOld)
			add(q, ev.ObjectNew)
		},
		DeleteFunc: func(_ context.Context, ev event.TypedDeleteEvent[*unstructured.Unstructured], q queue) {
			e.written.forget(place{provision.RefOf(ev.Object), ev.Object.GetNamespace()})
			add(q, ev.Object)
		},
	}
}
