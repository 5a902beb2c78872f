package applied

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	structure "sigs.k8s.io/structured-merge-diff/v6/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/merge"
)

// types are what is known of the fields of a kind.
type types struct {
	schema *structure.Schema
	root   structure.TypeRef
}

// typesOf are those of one of Kubernetes' own kinds; nil for any other.
func typesOf(kind schema.GroupVersionKind) *types {
	if !clientgoscheme.Scheme.Recognizes(kind) {
		return nil
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	typed, err := merge.Converter(kind, nil).ObjectToTyped(object)
	if err != nil {
		return nil // a kind that is sent and never applied
	}
	return &types{schema: typed.Schema(), root: typed.TypeRef()}
}

// at is the type of a field, and after how many names of its path the first list
// or map begins that is replaced as a whole; 0 for none, and -1 if there is no such
// field. Lists are stepped into.
func (t *types) at(path []string) (found structure.TypeRef, atomic int) {
	found = t.root
	for i, name := range path {
		of := t.element(found)
		if of.Map == nil {
			return found, -1
		}
		field, ok := of.FindField(name)
		if !ok {
			return found, -1
		}
		found = field.Type
		if t.whole(found) {
			return found, i + 1
		}
	}
	return found, 0
}

// element is what a type is made of: the elements of lists, in lists too.
func (t *types) element(of structure.TypeRef) structure.Atom {
	atom, _ := t.schema.Resolve(of)
	for atom.Map == nil && atom.List != nil {
		atom, _ = t.schema.Resolve(atom.List.ElementType)
	}
	return atom
}

// whole tells of lists and maps that are replaced as a whole. What may be of any
// type is not among them.
func (t *types) whole(of structure.TypeRef) bool {
	atom, _ := t.schema.Resolve(of)
	if atom.Scalar != nil {
		return false
	}
	return atom.List != nil && atom.List.ElementRelationship == structure.Atomic || atom.Map != nil && atom.Map.ElementRelationship == structure.Atomic
}

// few is how many names a person wants to read.
const few = 3

// below are a few fields of the elements of a list that are replaced as a whole,
// sorted: those of the elements themselves before those deeper in them.
func (t *types) below(path []string) []string {
	list, _ := t.at(path)
	var found []string
	seen := map[string]bool{}
	level := []structure.Atom{t.element(list)}
	for len(level) > 0 && len(found) < few {
		var fields []structure.StructField
		for _, of := range level {
			if of.Map != nil {
				fields = append(fields, of.Fields...)
			}
		}
		var names []string
		names, level = t.apart(fields, seen)
		found = append(found, names...)
	}
	return found[:min(few, len(found))]
}

// apart are the fields that are replaced as a whole, sorted, and what the others
// are made of, but for types that were seen before: types may hold themselves.
func (t *types) apart(fields []structure.StructField, seen map[string]bool) (names []string, deeper []structure.Atom) {
	for _, field := range fields {
		name := nameOf(field.Type)
		switch {
		case t.whole(field.Type):
			names = append(names, field.Name)
		case name == "" || !seen[name]:
			seen[name] = true
			deeper = append(deeper, t.element(field.Type))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), deeper
}

func nameOf(of structure.TypeRef) string {
	if of.NamedType == nil {
		return ""
	}
	return *of.NamedType
}
