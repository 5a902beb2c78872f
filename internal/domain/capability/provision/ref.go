package provision

import (
	"cmp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Ref names an object in the tenant's namespace.
type Ref struct {
	schema.GroupKind
	Name string
}

// RefOf is the name of an object.
func RefOf(object *unstructured.Unstructured) Ref {
	return Ref{GroupKind: object.GroupVersionKind().GroupKind(), Name: object.GetName()}
}

// String is the reference as people write it, such as "ConfigMap orders".
func (r Ref) String() string { return r.Kind + " " + r.Name }

// Live finds an object of the claim as the cluster has it; nil when it is not
// there. What it returns MUST NOT be changed.
type Live func(Ref) *unstructured.Unstructured

// Kind is a kind of objects.
type Kind struct{ APIVersion, Kind string }

// GroupVersionKind is the kind as Kubernetes' libraries write it.
func (k Kind) GroupVersionKind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(k.APIVersion, k.Kind)
}

// Compare orders kinds by their text.
func (k Kind) Compare(other Kind) int {
	return cmp.Or(cmp.Compare(k.APIVersion, other.APIVersion), cmp.Compare(k.Kind, other.Kind))
}
