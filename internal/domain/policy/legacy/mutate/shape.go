package mutate

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

// nameKey is what lists are merged by where Kubernetes does not say.
const nameKey = "name"

// shape knows how the lists below an object are merged. The zero value knows
// nothing.
type shape struct {
	meta strategicpatch.LookupPatchMeta
}

// listShape says how a list is merged.
type listShape struct {
	// merges tells whether elements are merged rather than the list replaced.
	merges bool
	// key tells elements apart; empty for lists of values.
	key string
	// known tells that Kubernetes says so, rather than we infer it.
	known   bool
	element shape
}

// structOf is the shape of a kind, empty for those Kubernetes does not define.
func structOf(kind schema.GroupVersionKind) shape {
	object, err := scheme.Scheme.New(kind)
	if err != nil {
		return shape{}
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(object)
	if err != nil {
		return shape{}
	}
	return shape{meta}
}

func (s shape) object(key string) shape {
	if s.meta == nil {
		return shape{}
	}
	meta, _, err := s.meta.LookupPatchMetadataForStruct(key)
	if err != nil {
		return shape{}
	}
	return shape{meta}
}

func (s shape) list(key string) listShape {
	if s.meta == nil {
		return listShape{}
	}
	meta, patch, err := s.meta.LookupPatchMetadataForSlice(key)
	if err != nil {
		return listShape{}
	}
	return listShape{
		merges:  slices.Contains(patch.GetPatchStrategies(), "merge"),
		key:     patch.GetPatchMergeKey(),
		known:   true,
		element: shape{meta},
	}
}

// forElements infers how a list of an unknown kind is merged: by name, if each
// element on both sides that is not anchored has one.
func (l listShape) forElements(existing, overlay []any) listShape {
	if l.known {
		return l
	}
	l.key = nameKey
	l.merges = len(overlay) > 0 && allNamed(existing) && anyNamed(overlay)
	return l
}

func allNamed(elements []any) bool {
	return !slices.ContainsFunc(elements, func(element any) bool { return !named(element) })
}

func anyNamed(elements []any) bool { return slices.ContainsFunc(elements, named) }

func named(element any) bool {
	object, ok := element.(map[string]any)
	if !ok {
		return false
	}
	_, isText := object[nameKey].(string)
	return isText
}
