package library

import (
	"errors"
	"fmt"
	"maps"
	"path"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// gvrType is what ToGVR gives: a map with group, version and resource.
var gvrType = cel.MapType(cel.StringType, cel.StringType)

// lookups are the functions that read the cluster.
func lookups() []cel.EnvOption {
	options := []cel.EnvOption{
		cel.Variable("resource", resourceType), cel.Variable("globalContext", contextType), cel.Variable("image", metadataType),
	}
	takes := func(kinds ...*cel.Type) []*cel.Type { return kinds }
	s, l := textType, labelsType
	options = append(options, member(resourceType, []string{"Get", "get"},
		overload{takes: takes(s, s, s, s), gives: objectType, do: getNamed},
		overload{takes: takes(s, s, s, s, textsType), gives: objectType, do: getNamed},
		overload{takes: takes(s, s, s), gives: objectType, do: getOwn},
		overload{takes: takes(s, s, s, textsType), gives: objectType, do: getOwn},
		overload{takes: takes(gvrType, s, s), gives: objectType, do: byGVR(getNamed)},
		overload{takes: takes(gvrType, s, s, textsType), gives: objectType, do: byGVR(getNamed)},
		overload{takes: takes(gvrType, s), gives: objectType, do: byGVR(getOwn)},
		overload{takes: takes(gvrType, s, textsType), gives: objectType, do: byGVR(getOwn)})...)
	options = append(options, member(resourceType, []string{"List", "list"},
		overload{takes: takes(s, s, s), gives: objectType, do: listNamed},
		overload{takes: takes(s, s, s, l), gives: objectType, do: listNamed},
		overload{takes: takes(s, s), gives: objectType, do: listOwn},
		overload{takes: takes(s, s, l), gives: objectType, do: listOwn},
		overload{takes: takes(gvrType, s), gives: objectType, do: byGVR(listNamed)},
		overload{takes: takes(gvrType, s, l), gives: objectType, do: byGVR(listNamed)},
		overload{takes: takes(gvrType), gives: objectType, do: byGVR(listOwn)},
		overload{takes: takes(gvrType, l), gives: objectType, do: byGVR(listOwn)})...)
	options = append(options, member(resourceType, []string{"Post", "post"},
		overload{takes: takes(s, s, s, objectType), gives: objectType, do: post},
		overload{takes: takes(s, s, objectType), gives: objectType, do: postOwn})...)
	options = append(options, member(resourceType, []string{"ToGVR", "toGVR"},
		overload{takes: takes(s, s), gives: gvrType, do: toGVR})...)
	options = append(options, member(contextType, []string{"Get", "get"},
		overload{takes: takes(s), gives: cel.DynType, do: globalEntry},
		overload{takes: takes(s, s), gives: cel.DynType, do: globalEntry})...)
	return append(options, member(metadataType, []string{"GetMetadata", "getMetadata"},
		overload{takes: takes(s), gives: cel.DynType, do: describe})...)
}

// lookup is the session's access to the cluster, in a namespace that the policy
// may look into.
func (s *Session) lookup(namespace string) (policy.Lookup, error) {
	if s.World.Lookup == nil {
		return nil, policy.ErrNoWorld
	}
	if s.Namespace != "" && namespace != s.Namespace {
		return nil, fmt.Errorf("a policy of namespace %q may look up objects of this namespace only, not of %q", s.Namespace, namespace)
	}
	return s.World.Lookup, nil
}

// own puts the policy's namespace where a cluster policy names one.
func own(s *Session, args []ref.Val, at int) ([]ref.Val, error) {
	if s.Namespace == "" {
		return nil, errors.New("name the namespace: only a namespaced policy has one of its own")
	}
	namespaced := append(append([]ref.Val{}, args[:at]...), value(s.Namespace, nil))
	return append(namespaced, args[at:]...), nil
}

func getOwn(s *Session, args []ref.Val) (any, error) {
	full, err := own(s, args, 2)
	if err != nil {
		return nil, err
	}
	return getNamed(s, full)
}

func listOwn(s *Session, args []ref.Val) (any, error) {
	full, err := own(s, args, 2)
	if err != nil {
		return nil, err
	}
	return listNamed(s, full)
}

// byGVR spells a GVR out as version and resource.
func byGVR(do func(*Session, []ref.Val) (any, error)) func(*Session, []ref.Val) (any, error) {
	return func(s *Session, args []ref.Val) (any, error) {
		gvr, err := native[map[string]string](args[0])
		if err != nil {
			return nil, err
		}
		version := schema.GroupVersion{Group: gvr["group"], Version: gvr["version"]}.String()
		return do(s, append([]ref.Val{value(version, nil), value(gvr["resource"], nil)}, args[1:]...))
	}
}

// resourceOf reads the first two arguments.
func resourceOf(args []ref.Val) (schema.GroupVersionResource, error) {
	version, err := schema.ParseGroupVersion(text(args[0]))
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	return version.WithResource(text(args[1])), nil
}

// getNamed is Get(apiVersion, resource, namespace, name[, subresources]).
func getNamed(s *Session, args []ref.Val) (any, error) {
	resource, err := resourceOf(args)
	if err != nil {
		return nil, err
	}
	namespace, name := text(args[2]), text(args[3])
	lookup, err := s.lookup(namespace)
	if err != nil {
		return nil, err
	}
	if len(args) == 5 {
		parts, err := native[[]string](args[4])
		if err != nil {
			return nil, err
		}
		return lookup.Call(s.Context, "GET", path.Join(append([]string{pathOf(resource, namespace), name}, parts...)...), nil)
	}
	found, err := lookup.Get(s.Context, resource, namespace, name)
	if err != nil {
		return nil, fmt.Errorf("failed to get resource: %w", err)
	}
	return found, nil
}

// listNamed is List(apiVersion, resource, namespace[, labels]).
func listNamed(s *Session, args []ref.Val) (any, error) {
	resource, err := resourceOf(args)
	if err != nil {
		return nil, err
	}
	var labels map[string]string
	if len(args) == 4 {
		if labels, err = native[map[string]string](args[3]); err != nil {
			return nil, err
		}
	}
	lookup, err := s.lookup(text(args[2]))
	if err != nil {
		return nil, err
	}
	found, err := lookup.List(s.Context, resource, text(args[2]), labels)
	if err != nil {
		return nil, fmt.Errorf("failed to list resource: %w", err)
	}
	items := make([]any, len(found))
	for i, item := range found {
		items[i] = item
	}
	return map[string]any{"apiVersion": resource.GroupVersion().String(), "kind": "List", "items": items}, nil
}

func postOwn(s *Session, args []ref.Val) (any, error) {
	return post(s, []ref.Val{args[0], args[1], value(s.Namespace, nil), args[2]})
}

// post is Post(apiVersion, resource, namespace, object).
func post(s *Session, args []ref.Val) (any, error) {
	resource, err := resourceOf(args)
	if err != nil {
		return nil, err
	}
	lookup, err := s.lookup(text(args[2]))
	if err != nil {
		return nil, err
	}
	body, err := Plain(args[3])
	if err != nil {
		return nil, err
	}
	answer, err := lookup.Call(s.Context, "POST", pathOf(resource, text(args[2])), body)
	if err != nil {
		return nil, fmt.Errorf("failed to create resource: %w", err)
	}
	return answer, nil
}

// pathOf is where the API server serves a resource.
func pathOf(resource schema.GroupVersionResource, namespace string) string {
	root := path.Join("/apis", resource.Group, resource.Version)
	if resource.Group == "" {
		root = path.Join("/api", resource.Version)
	}
	if namespace != "" {
		root = path.Join(root, "namespaces", namespace)
	}
	return path.Join(root, resource.Resource)
}

// globalEntry is Get(name[, projection]) of the global context.
func globalEntry(s *Session, args []ref.Val) (any, error) {
	if s.World.Lookup == nil {
		return nil, policy.ErrNoWorld
	}
	name := text(args[0])
	if len(args) == 2 && text(args[1]) != "" {
		name += "." + text(args[1])
	}
	entry, err := s.World.Lookup.Global(s.Context, name)
	if err != nil {
		return nil, fmt.Errorf("failed to get global reference: %w", err)
	}
	return entry, nil
}

// describe is GetMetadata(reference).
func describe(s *Session, args []ref.Val) (any, error) {
	if s.World.Images == nil {
		return nil, fmt.Errorf("image %q: %w", text(args[0]), policy.ErrNoWorld)
	}
	data, err := s.World.Images.Describe(s.Context, text(args[0]))
	if err != nil {
		return nil, fmt.Errorf("failed to get image data: %w", err)
	}
	if config, ok := data["configData"]; ok && data["config"] == nil {
		// CEL policies know it by the shorter name, legacy ones by the longer.
		data = maps.Clone(data)
		data["config"] = config
	}
	return data, nil
}
