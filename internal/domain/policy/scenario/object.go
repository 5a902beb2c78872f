package scenario

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// DefaultNamespace is where an object goes that names no namespace but needs one.
const DefaultNamespace = "default"

// Object is an object and where it comes from.
type Object struct {
	// Fields of the object. It always has apiVersion and kind.
	Fields map[string]any
	// File and Line say where it begins; empty and 0 for a live object.
	File string
	Line int

	source *yamldoc.Document
}

// LineOf is the line of a field, or of the nearest parent that is there.
func (o Object) LineOf(field string) int {
	if o.source == nil {
		return o.Line
	}
	return o.source.LineOf(field)
}

// GVK is the object's kind.
func (o Object) GVK() schema.GroupVersionKind { return o.meta().GroupVersionKind() }

// Name of the object.
func (o Object) Name() string { return o.meta().GetName() }

// Namespace of the object.
func (o Object) Namespace() string { return o.meta().GetNamespace() }

// String is "group/version/Kind/namespace/name", without what is empty, as
// Kyverno's command line names objects.
func (o Object) String() string {
	name := o.meta().GetAPIVersion() + "/" + o.meta().GetKind()
	if namespace := o.Namespace(); namespace != "" {
		name += "/" + namespace
	}
	return name + "/" + o.Name()
}

func (o Object) meta() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: o.Fields}
}

// Of is an object that comes from no file.
func Of(fields map[string]any) Object { return Object{Fields: fields} }

// ParseObjects reads objects from a stream, YAML or JSON, lists included; file
// is the name to show.
func ParseObjects(file string, data []byte) ([]Object, []yamldoc.Mistake) {
	documents, mistakes := yamldoc.Split(file, data)
	var objects []Object
	for _, document := range documents {
		read, wrong := objectsOf(document)
		objects, mistakes = append(objects, read...), append(mistakes, wrong...)
	}
	return objects, mistakes
}

func objectsOf(document *yamldoc.Document) ([]Object, []yamldoc.Mistake) {
	items, mistakes, list := document.Items()
	if !list {
		items = []*yamldoc.Document{document}
	}
	var objects []Object
	for _, item := range items {
		if item.APIVersion() == "" || item.Kind() == "" {
			mistakes = append(mistakes, item.Mistake("", "this is no object: one begins with apiVersion and kind"))
			continue
		}
		objects = append(objects, Object{Fields: item.Object(), File: item.File, Line: item.Line, source: item})
	}
	return objects, mistakes
}

// FieldsOf are the objects' fields.
func FieldsOf(objects []Object) []map[string]any {
	fields := make([]map[string]any, len(objects))
	for i, object := range objects {
		fields[i] = object.Fields
	}
	return fields
}

// Complete gives an object the namespace that the API server would give it.
// The object is changed.
func (k *Kinds) Complete(o Object) {
	switch scope := k.Scope(o.GVK()); {
	case scope == ScopeNamespace && o.Namespace() == "":
		o.meta().SetNamespace(DefaultNamespace)
	case scope == ScopeCluster && o.Namespace() != "":
		unstructured.RemoveNestedField(o.Fields, "metadata", "namespace")
	}
}
