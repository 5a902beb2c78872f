package enforce

import (
	"context"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// Cached says what the program's cache keeps of the kinds that this package
// writes and looks at: native policies that are marked as Roadbed's, and the
// webhooks of a Kyverno, without their content.
func Cached() map[client.Object]cache.ByObject {
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{tenancyv1alpha1.LabelManagedBy: tenancyv1alpha1.ManagedBy})}
	hooks := &metav1.PartialObjectMetadata{}
	hooks.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration"))
	cached := map[client.Object]cache.ByObject{
		hooks: {Label: labels.SelectorFromSet(labels.Set{RivalLabel: RivalManager})},
	}
	for _, mutating := range []bool{false, true} {
		for _, each := range nativeKinds(mutating) {
			cached[each] = ours
		}
	}
	return cached
}

// watches wakes a policy when what was made of it changed, when something else
// waives it, and all of them when a Kyverno comes or goes.
func (c *controller[T]) watches(b *builder.Builder) *builder.Builder {
	ours := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []reconcile.Request {
		if object.GetLabels()[native.PolicyLabel] != c.source() {
			return nil
		}
		return []reconcile.Request{{NamespacedName: keyOf(object.GetAnnotations()[native.PolicyAnnotation])}}
	})
	for _, each := range nativeKinds(c.kind.mutating) {
		b = b.Watches(each, ours, builder.WithPredicates(apply.Drift()))
	}
	b = b.Watches(&policyv1alpha1.OverrideLedger{}, waived())
	hooks := &metav1.PartialObjectMetadata{}
	hooks.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration"))
	return b.WatchesMetadata(hooks, handler.EnqueueRequestsFromMapFunc(c.all), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{}))
}

// all are the policies of the kind.
func (c *controller[T]) all(ctx context.Context, _ client.Object) []reconcile.Request {
	list, err := c.list(ctx)
	if err != nil {
		c.log.ErrorContext(ctx, "policies cannot be read", "kind", c.kind.name, "error", err)
		return nil
	}
	var found []reconcile.Request
	for _, object := range list {
		found = append(found, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
	}
	return found
}

func (c *controller[T]) list(ctx context.Context) ([]client.Object, error) {
	gvk, err := c.client.GroupVersionKindFor(c.kind.newObject())
	if err != nil {
		return nil, err
	}
	made, err := c.client.Scheme().New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err != nil {
		return nil, err
	}
	list := made.(client.ObjectList)
	if err := c.client.List(ctx, list); err != nil {
		return nil, err
	}
	var found []client.Object
	err = meta.EachListItem(list, func(item runtime.Object) error {
		found = append(found, item.(client.Object))
		return nil
	})
	return found, err
}

// keyOf reads what native.Key wrote.
func keyOf(key string) types.NamespacedName {
	namespace, name, ok := strings.Cut(key, "/")
	if !ok {
		return types.NamespacedName{Name: key}
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}
