package offboard

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
)

// collect reads everything that the tenant consists of: the Tenant, its
// namespaces and what is in them; of a shared namespace only what is generated
// for the tenant. Events are left out.
func (o *Procedure) collect(ctx context.Context, t *v1alpha1.Tenant) ([]*unstructured.Unstructured, error) {
	kinds, err := o.remnants.kinds(ctx)
	if err != nil {
		return nil, err
	}
	home, err := o.NamespacesOf(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	self, err := loose(t, v1alpha1.GroupVersion.WithKind(estate.KindTenant))
	if err != nil {
		return nil, err
	}
	objects := []*unstructured.Unstructured{self}
	for _, name := range slices.Sorted(maps.Keys(home)) {
		object, err := loose(home[name], corev1.SchemeGroupVersion.WithKind(estate.KindNamespace))
		if err != nil {
			return nil, err
		}
		found, err := o.contents(ctx, name, kinds)
		if err != nil {
			return nil, err
		}
		objects = append(append(objects, object), found...)
	}
	shared, err := o.shared(ctx, t)
	if err != nil {
		return nil, err
	}
	return o.tidy(append(objects, shared...)), nil
}

// shared is what was generated for the tenant in a shared namespace. In there
// Roadbed may read no more, because the rest is of others as well.
func (o *Procedure) shared(ctx context.Context, t *v1alpha1.Tenant) ([]*unstructured.Unstructured, error) {
	_, granted, err := o.Access(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, obj := range granted {
		gvk, err := apiutil.GVKForObject(obj, o.Client.Scheme())
		if err != nil {
			return nil, fmt.Errorf("find the kind of %T: %w", obj, err)
		}
		object, err := loose(obj, gvk)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func loose(obj runtime.Object, gvk schema.GroupVersionKind) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("convert a %s: %w", gvk.Kind, err)
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(gvk)
	return object, nil
}

func (o *Procedure) contents(ctx context.Context, namespace string, kinds []schema.GroupVersionResource) ([]*unstructured.Unstructured, error) {
	var found []*unstructured.Unstructured
	for _, kind := range kinds {
		if kind.Resource == "events" {
			continue
		}
		list, err := o.objects.Resource(kind).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
			continue // The kind was removed a moment ago.
		}
		if err != nil {
			return nil, fmt.Errorf("list %s in namespace %q: %w", kind.GroupResource(), namespace, err)
		}
		for i := range list.Items {
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}

// tidy sorts the objects and takes out what only the server needs, and the
// values of Secrets.
func (o *Procedure) tidy(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	for _, object := range objects {
		object.SetManagedFields(nil)
		if object.GroupVersionKind().GroupKind() == (schema.GroupKind{Kind: "Secret"}) && !o.exportSecrets {
			redact(object)
		}
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(
			cmp.Compare(a.GetKind(), b.GetKind()),
			cmp.Compare(a.GetNamespace(), b.GetNamespace()),
			cmp.Compare(a.GetName(), b.GetName()),
		)
	})
	return objects
}

// annotationRedacted says in an export that a Secret's values were left out.
const annotationRedacted = "tenancy.roadbed.dev/redacted"

// redact keeps a Secret's keys and takes its values, also from the copy of the
// whole that kubectl apply leaves in an annotation.
func redact(secret *unstructured.Unstructured) {
	for _, field := range []string{"data", "stringData"} {
		values, ok := secret.Object[field].(map[string]any)
		if !ok {
			continue
		}
		for key := range values {
			values[key] = ""
		}
	}
	annotations := secret.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	annotations[annotationRedacted] = "true"
	secret.SetAnnotations(annotations)
}
