package lane

import (
	"context"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// Controller is the name under which the controller reports liveness.
const Controller = "policy-webhook"

// When the controller looks again by itself.
const (
	// untilSynced is while the policies are still being read.
	untilSynced = 200 * time.Millisecond
	// untilServed is when a new kind is surely served.
	untilServed = 2 * time.Second
	// anyway is for kinds of servers that nobody tells of.
	anyway = time.Minute
)

// keeper keeps the webhook configurations as the policies in force need them.
type keeper struct {
	Deps

	client client.Client
	trail  trail.Recorder
}

func setupKeeper(host *module.Host, deps Deps) error {
	mgr := host.Manager
	direct, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient()})
	if err != nil {
		return fmt.Errorf("make a client without a cache: %w", err)
	}
	k := &keeper{Deps: deps, client: direct, trail: host.Trail}
	wake := make(chan event.GenericEvent, 1)
	poke := func() {
		select {
		case wake <- event.GenericEvent{Object: &admissionv1.ValidatingWebhookConfiguration{}}:
		default: // It will wake anyway.
		}
	}
	deps.Policies.OnChange(poke)
	deps.Reach.OnChange(poke)
	rivals := &metav1.PartialObjectMetadata{}
	rivals.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration"))
	b := builder.ControllerManagedBy(mgr).
		WatchesRawSource(source.Channel(wake, handler.EnqueueRequestsFromMapFunc(always))).
		WatchesRawSource(source.Kind(deps.Watched, client.Object(&admissionv1.ValidatingWebhookConfiguration{}), handler.EnqueueRequestsFromMapFunc(always))).
		WatchesRawSource(source.Kind(deps.Watched, client.Object(&admissionv1.MutatingWebhookConfiguration{}), handler.EnqueueRequestsFromMapFunc(always))).
		WatchesRawSource(source.Kind(deps.Watched, client.Object(definitions()), k.onDefinition())).
		WatchesMetadata(rivals, handler.EnqueueRequestsFromMapFunc(always))
	return steps.Bare(mgr, b, Controller, host.Clock, host.Liveness, k)
}

// always is the one request that there is.
func always(context.Context, client.Object) []reconcile.Request {
	return []reconcile.Request{request()}
}

func request() reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKey{Name: webhook.Name}}
}

// onDefinition reads anew what is served, now and when a new kind surely is.
func (k *keeper) onDefinition() handler.Funcs {
	look := func(queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		k.Resources.Forget()
		queue.Add(request())
		queue.AddAfter(request(), untilServed)
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			if !e.IsInInitialList {
				look(q)
			}
		},
		UpdateFunc: func(_ context.Context, _ event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			look(q)
		},
		DeleteFunc: func(_ context.Context, _ event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			look(q)
		},
	}
}

// Reconcile makes both configurations what they must be.
func (k *keeper) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	if !k.Policies.Synced() {
		return reconcile.Result{RequeueAfter: untilSynced}, nil
	}
	evaluators, err := k.judging(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	served, err := k.Resources.Served(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	at, _ := k.Reach.At()
	validating, mutating := webhook.Configure(evaluators, served, at)
	if err := k.keep(ctx, validating, len(validating.Webhooks) > 0); err != nil {
		return reconcile.Result{}, err
	}
	if err := k.keep(ctx, mutating, len(mutating.Webhooks) > 0); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: anyway}, nil
}

// judging are the policies in force, if Roadbed is to judge by any.
func (k *keeper) judging(ctx context.Context) ([]policy.Evaluator, error) {
	if _, reachable := k.Reach.At(); !reachable {
		return nil, nil
	}
	left, err := k.Enforcement.Left(ctx, k.client)
	if err != nil || left != "" {
		return nil, err
	}
	return k.Policies.Evaluators(), nil
}

// keep makes a configuration what it must be, or takes it away.
func (k *keeper) keep(ctx context.Context, desired client.Object, needed bool) error {
	desired.SetLabels(map[string]string{tenancyv1alpha1.LabelManagedBy: tenancyv1alpha1.ManagedBy})
	there, err := k.read(ctx, desired)
	switch {
	case err != nil:
		return err
	case there == nil && needed:
		return k.write(ctx, "policy.webhook.create", nil, desired, func() error { return k.client.Create(ctx, desired) })
	case there == nil || needed && same(there, desired):
		return nil
	case needed:
		desired.SetResourceVersion(there.GetResourceVersion())
		return k.write(ctx, "policy.webhook.update", there, desired, func() error { return k.client.Update(ctx, desired) })
	}
	uid := there.GetUID()
	return k.write(ctx, "policy.webhook.delete", there, nil, func() error {
		return client.IgnoreNotFound(k.client.Delete(ctx, there, client.Preconditions{UID: &uid}))
	})
}

// read returns the configuration as it is now; nil when there is none.
func (k *keeper) read(ctx context.Context, desired client.Object) (client.Object, error) {
	there := desired.DeepCopyObject().(client.Object)
	err := k.client.Get(ctx, client.ObjectKeyFromObject(desired), there)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the webhook configuration %s: %w", desired.GetName(), err)
	}
	return there, nil
}

// write writes what is on the trail.
func (k *keeper) write(ctx context.Context, action string, before, after client.Object, send func() error) error {
	object, entry := after, trail.Record{
		Actor: identity.Self(), Action: action, Reason: "The policies in force need Roadbed's judgement for other requests than before.",
	}
	if before != nil {
		object, entry.Before = before, apply.Hash(before)
	}
	if after != nil {
		entry.After = apply.Hash(after)
	}
	gvk, err := apiutil.GVKForObject(object, k.client.Scheme())
	if err != nil {
		return err
	}
	entry.Object = trail.Object{Group: gvk.Group, Kind: gvk.Kind, Name: object.GetName()}
	if err := k.trail.Record(ctx, entry); err != nil {
		return err
	}
	if err := send(); err != nil {
		return fmt.Errorf("write the webhook configuration %s: %w", object.GetName(), err)
	}
	return nil
}

// same says whether a configuration says exactly what is wanted.
func same(there, desired client.Object) bool {
	for key, value := range desired.GetLabels() {
		if there.GetLabels()[key] != value {
			return false
		}
	}
	switch want := desired.(type) {
	case *admissionv1.ValidatingWebhookConfiguration:
		return equality.Semantic.DeepEqual(there.(*admissionv1.ValidatingWebhookConfiguration).Webhooks, want.Webhooks)
	case *admissionv1.MutatingWebhookConfiguration:
		return equality.Semantic.DeepEqual(there.(*admissionv1.MutatingWebhookConfiguration).Webhooks, want.Webhooks)
	}
	return false
}
