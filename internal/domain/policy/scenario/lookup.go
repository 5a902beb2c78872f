package scenario

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Lookup finds objects among those of files.
type Lookup struct {
	kinds   *Kinds
	objects map[string][]map[string]any // by resource and group
	global  map[string]any
	answers []HTTPAnswer
}

var _ policy.Lookup = (*Lookup)(nil)

// NewLookup finds the objects, and the entries of the global context.
func NewLookup(kinds *Kinds, objects []map[string]any, global []GlobalEntry) *Lookup {
	l := &Lookup{kinds: kinds, objects: map[string][]map[string]any{}, global: map[string]any{}}
	for _, object := range objects {
		key := kinds.Resource(Of(object).GVK()).GroupResource().String()
		l.objects[key] = append(l.objects[key], object)
	}
	for _, entry := range global {
		l.global[entry.Name] = entry.Value
	}
	return l
}

// Answering is the same with answers to requests by path, which come before what
// the objects would answer. Their URLs are paths.
func (l *Lookup) Answering(answers []HTTPAnswer) *Lookup {
	wider := *l
	wider.answers = answers
	return &wider
}

// before is what there is before a request: all but the object that it creates.
func (l *Lookup) before(r *policy.Request) *Lookup {
	created := Of(r.Object)
	if r.Operation != admissionv1.Create || r.SubResource != "" || created.Name() == "" {
		return l
	}
	key := r.Resource.GroupResource().String()
	there := *l
	there.objects = maps.Clone(l.objects)
	there.objects[key] = slices.DeleteFunc(slices.Clone(l.objects[key]), func(object map[string]any) bool {
		found := Of(object)
		return found.Name() == created.Name() && found.Namespace() == created.Namespace()
	})
	return &there
}

// Get returns a copy of one object.
func (l *Lookup) Get(_ context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	for _, object := range l.objects[resource.GroupResource().String()] {
		found := Of(object)
		if found.Name() == name && found.Namespace() == namespace {
			return runtime.DeepCopyJSON(object), nil
		}
	}
	return nil, apierrors.NewNotFound(resource.GroupResource(), name)
}

// List returns copies of the objects of a namespace, or of all when it is empty,
// that have the labels.
func (l *Lookup) List(_ context.Context, resource schema.GroupVersionResource, namespace string, wanted map[string]string) ([]map[string]any, error) {
	selector := labels.SelectorFromSet(wanted)
	listed := []map[string]any{}
	for _, object := range l.objects[resource.GroupResource().String()] {
		found := Of(object)
		if namespace != "" && found.Namespace() != namespace || !selector.Matches(labels.Set(found.meta().GetLabels())) {
			continue
		}
		listed = append(listed, runtime.DeepCopyJSON(object))
	}
	return listed, nil
}

// Global returns an entry of the global context.
func (l *Lookup) Global(_ context.Context, name string) (any, error) {
	value, ok := l.global[name]
	if !ok {
		return nil, fmt.Errorf("there is no entry %q in the global context; known are %q", name, slices.Sorted(maps.Keys(l.global)))
	}
	return runtime.DeepCopyJSONValue(value), nil
}

// Call answers as it was told, and else GET requests for objects and lists by
// their paths.
func (l *Lookup) Call(ctx context.Context, method, path string, _ any) (any, error) {
	for _, answer := range l.answers {
		switch {
		case !answer.fits(cmp.Or(method, "GET"), path):
		case answer.Status != 0 && (answer.Status < 200 || answer.Status > 299):
			return nil, fmt.Errorf("%s %s: the API server answered %d", method, path, answer.Status)
		default:
			return runtime.DeepCopyJSONValue(answer.Body), nil
		}
	}
	if method != "" && method != "GET" {
		return nil, fmt.Errorf("%s %s: files answer only to GET", method, path)
	}
	asked, err := parsePath(path)
	if err != nil {
		return nil, err
	}
	if asked.name != "" {
		return l.Get(ctx, asked.resource, asked.namespace, asked.name)
	}
	items, err := l.List(ctx, asked.resource, asked.namespace, asked.labels)
	if err != nil {
		return nil, err
	}
	list := make([]any, len(items))
	kind := "List"
	for i, item := range items {
		list[i] = item
		kind = Of(item).GVK().Kind + "List"
	}
	return map[string]any{
		"apiVersion": asked.resource.GroupVersion().String(), "kind": kind,
		"metadata": map[string]any{}, "items": list,
	}, nil
}

// asked is what a path of the API server asks for.
type asked struct {
	resource        schema.GroupVersionResource
	namespace, name string
	labels          map[string]string
}

// parsePath understands /api/v1/..., /apis/GROUP/VERSION/..., with or without
// namespaces/NAME, and the parameter labelSelector with "=".
func parsePath(path string) (asked, error) {
	parsed, err := url.Parse(path)
	if err != nil {
		return asked{}, fmt.Errorf("path %q: %w", path, err)
	}
	parts := strings.Split(strings.Trim(parsed.Path, "/"), "/")
	var found asked
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		found.resource.Version, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		found.resource.Group, found.resource.Version, parts = parts[1], parts[2], parts[3:]
	default:
		return asked{}, fmt.Errorf("path %q is none of an object or a list: it begins with /api/VERSION or /apis/GROUP/VERSION", path)
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		found.namespace, parts = parts[1], parts[2:]
	}
	found.resource.Resource = parts[0]
	switch len(parts) {
	case 1:
	case 2:
		found.name = parts[1]
	default:
		return asked{}, fmt.Errorf("path %q asks for a subresource, which files do not have", path)
	}
	if selector := parsed.Query().Get("labelSelector"); selector != "" {
		if found.labels, err = labels.ConvertSelectorToLabelsMap(selector); err != nil {
			return asked{}, fmt.Errorf("path %q: %w", path, err)
		}
	}
	return found, nil
}
