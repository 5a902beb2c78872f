package request

import (
	"errors"
	"fmt"
	"maps"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/kubernetes/scheme"
	listers "k8s.io/client-go/listers/core/v1"
)

// oneNamespace lists the one namespace that a request is about.
type oneNamespace struct{ namespace *corev1.Namespace }

var _ listers.NamespaceLister = oneNamespace{}

// List returns it if it is selected.
func (o oneNamespace) List(selector labels.Selector) ([]*corev1.Namespace, error) {
	if o.namespace == nil || !selector.Matches(labels.Set(o.namespace.Labels)) {
		return nil, nil
	}
	return []*corev1.Namespace{o.namespace}, nil
}

// Get returns it, whatever the name: there is no other.
func (o oneNamespace) Get(name string) (*corev1.Namespace, error) {
	if o.namespace == nil {
		return nil, apierrors.NewInternalError(fmt.Errorf("nothing is known of namespace %q", name))
	}
	return o.namespace, nil
}

// Interfaces tell the API server's packages about kinds. They know Kubernetes'
// own, and that the versions of a custom resource are one.
type Interfaces struct {
	kind  schema.GroupVersionKind
	rules []admissionregistrationv1.NamedRuleWithOperations
}

var (
	_ admission.ObjectInterfaces       = Interfaces{}
	_ runtime.EquivalentResourceMapper = Interfaces{}
)

// GetObjectCreater makes objects of Kubernetes' own kinds.
func (Interfaces) GetObjectCreater() runtime.ObjectCreater { return scheme.Scheme }

// GetObjectTyper knows every object's kind.
func (Interfaces) GetObjectTyper() runtime.ObjectTyper { return anyTyper{scheme.Scheme} }

// GetObjectConvertor gives what mutations built its Go type back.
func (Interfaces) GetObjectConvertor() runtime.ObjectConvertor { return scheme.Scheme }

// GetObjectDefaulter has no defaults.
func (Interfaces) GetObjectDefaulter() runtime.ObjectDefaulter { return noDefaults{} }

// GetEquivalentResourceMapper is the interfaces themselves.
func (i Interfaces) GetEquivalentResourceMapper() runtime.EquivalentResourceMapper { return i }

// EquivalentResourcesFor returns the other versions of a resource that rules
// name: any of a custom resource, and those that Kubernetes serves of its own.
func (i Interfaces) EquivalentResourcesFor(resource schema.GroupVersionResource, _ string) []schema.GroupVersionResource {
	var equivalents []schema.GroupVersionResource
	for _, rule := range i.rules {
		for _, other := range versionsIn(rule, resource) {
			if other != resource && equivalent(other, resource) {
				equivalents = append(equivalents, other)
			}
		}
	}
	return equivalents
}

// versionsIn are a resource in the groups and versions that a rule names.
func versionsIn(rule admissionregistrationv1.NamedRuleWithOperations, resource schema.GroupVersionResource) []schema.GroupVersionResource {
	var named []schema.GroupVersionResource
	for _, group := range rule.APIGroups {
		for _, version := range rule.APIVersions {
			named = append(named, schema.GroupVersionResource{Group: group, Version: version, Resource: resource.Resource})
		}
	}
	return named
}

// equivalent tells whether two resources are one in different versions.
func equivalent(a, b schema.GroupVersionResource) bool {
	if a.Version == "*" || a.Group == "*" {
		return false
	}
	switch {
	case a.Resource == "events" && isEvents(a) && isEvents(b):
		return true
	case a.Group != b.Group:
		return false
	case !scheme.Scheme.IsGroupRegistered(a.Group):
		return true
	}
	return a.GroupResource() == schema.GroupResource{Group: "autoscaling", Resource: "horizontalpodautoscalers"} &&
		(a.Version == "v1" || a.Version == "v2")
}

func isEvents(resource schema.GroupVersionResource) bool {
	return resource.Version == "v1" && (resource.Group == "" || resource.Group == "events.k8s.io")
}

// KindFor is the kind of the request in the version of an equivalent resource.
func (i Interfaces) KindFor(resource schema.GroupVersionResource, _ string) schema.GroupVersionKind {
	return resource.GroupVersion().WithKind(i.kind.Kind)
}

// errNoConversion is for Kubernetes' own kinds, whose conversions only the API
// server has.
var errNoConversion = errors.New("only the API server can convert it")

// convert gives a custom resource another version, as a CRD without conversion
// webhook does.
func convert(object runtime.Object, kind schema.GroupVersionKind) (runtime.Object, error) {
	custom, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("converting to %s: %w", kind, errNoConversion)
	}
	converted := &unstructured.Unstructured{Object: maps.Clone(custom.Object)}
	converted.SetGroupVersionKind(kind)
	return converted, nil
}

// noDefaults leaves objects alone: defaults are the API server's.
type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}

// anyTyper knows the kind of custom resources too.
type anyTyper struct{ *runtime.Scheme }

// ObjectKinds asks an unstructured object, and the scheme for others.
func (t anyTyper) ObjectKinds(object runtime.Object) ([]schema.GroupVersionKind, bool, error) {
	if custom, ok := object.(*unstructured.Unstructured); ok {
		return []schema.GroupVersionKind{custom.GroupVersionKind()}, false, nil
	}
	return t.Scheme.ObjectKinds(object)
}
