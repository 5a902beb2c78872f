package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Scenario is what is around the objects to judge. It is immutable in use.
type Scenario struct {
	// Kinds knows kinds.
	Kinds *Kinds
	// Values are what policies would look up or only a request knows.
	Values ValuesSpec
	// User asks. Its zero value is nobody in particular.
	User UserInfo
	// Around are objects that policies may look up, the Namespaces among them.
	Around []map[string]any
	// Global are entries of the global context.
	Global []GlobalEntry
	// Operation is what requests do, whatever the values say; empty for those.
	Operation string
	// Old are objects as they were before updates, by Object.String.
	Old map[string]map[string]any
}

// Request is the request that would write the object now. The variables
// request.operation, request.userInfo, request.oldObject, request.dryRun and
// request.subResource of the values change it.
func (s *Scenario) Request(o Object) (*policy.Request, error) {
	r := &policy.Request{
		Operation: admissionv1.Create,
		Kind:      o.GVK(),
		Resource:  s.Kinds.Resource(o.GVK()),
		Namespace: o.Namespace(),
		Name:      o.Name(),
		Object:    o.Fields,
		User:      s.User.User,
		Roles:     s.User.Roles, ClusterRoles: s.User.ClusterRoles,
	}
	if parent, name, ok := s.Values.parentOf(o.GVK()); ok {
		r.Resource = schema.GroupVersionResource{Group: parent.Group, Version: parent.Version, Resource: parent.Name}
		r.SubResource = name
	}
	if r.Kind == namespaceKind {
		r.Namespace = o.Name()
	}
	variables := s.Values.request(o.Name())
	if s.Operation != "" {
		variables["request.operation"] = s.Operation
	}
	if err := change(r, variables, s.Old[o.String()]); err != nil {
		return nil, fmt.Errorf("%s: %w", o, err)
	}
	if r.Namespace != "" && r.Kind != namespaceKind {
		r.NamespaceObject = s.namespace(r.Namespace)
	}
	return r, nil
}

var namespaceKind = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}

// change applies variables that are about the request. Old is the object before
// an update, if it is known.
func change(r *policy.Request, variables, old map[string]any) error {
	operation, _ := variables["request.operation"].(string)
	switch operation {
	case "", "*", string(admissionv1.Create):
	case string(admissionv1.Update):
		r.Operation, r.OldObject = admissionv1.Update, runtime.DeepCopyJSON(r.Object)
		if old != nil {
			r.OldObject = runtime.DeepCopyJSON(old)
		}
	case string(admissionv1.Delete):
		r.Operation, r.OldObject, r.Object = admissionv1.Delete, r.Object, nil
	case string(admissionv1.Connect):
		r.Operation = admissionv1.Connect
	default:
		return fmt.Errorf("value request.operation: %q is none of CREATE, UPDATE, DELETE, CONNECT", operation)
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if err := set(r, name, variables[name]); err != nil {
			return fmt.Errorf("value %s: %w", name, err)
		}
	}
	return nil
}

func set(r *policy.Request, name string, value any) error {
	path, about := strings.CutPrefix(name, "request.")
	if !about {
		return nil
	}
	head, rest, _ := strings.Cut(path, ".")
	switch head {
	case "oldObject":
		if r.OldObject == nil {
			r.OldObject = map[string]any{}
		}
		return setNested(r.OldObject, rest, value)
	case "userInfo":
		return setUser(&r.User, rest, value)
	case "dryRun":
		r.DryRun = value == true || value == "true"
	case "subResource":
		r.SubResource, _ = value.(string)
	}
	return nil
}

// setNested sets a field by its dotted path; without a path, the fields of an
// object.
func setNested(object map[string]any, path string, value any) error {
	if path != "" {
		return unstructured.SetNestedField(object, runtime.DeepCopyJSONValue(value), strings.Split(path, ".")...)
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("must be an object, not %v", value)
	}
	clear(object)
	maps.Copy(object, runtime.DeepCopyJSON(fields))
	return nil
}

// setUser changes one field of the user, or all of them.
func setUser(user *authenticationv1.UserInfo, path string, value any) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(user)
	if err != nil {
		return err
	}
	if err := setNested(fields, path, value); err != nil {
		return err
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	changed := authenticationv1.UserInfo{}
	if err := json.Unmarshal(encoded, &changed); err != nil {
		return fmt.Errorf("does not fit a user: %w", err)
	}
	*user = changed
	return nil
}

// Namespaces are all Namespaces that values or objects tell of.
func (s *Scenario) Namespaces() []map[string]any {
	names := map[string]bool{}
	for _, each := range s.Values.NamespaceSelectors {
		names[each.Name] = true
	}
	for i := range s.Values.Namespaces {
		names[s.Values.Namespaces[i].Name] = true
	}
	for _, object := range s.Around {
		if around := Of(object); around.GVK() == namespaceKind {
			names[around.Name()] = true
		}
	}
	var all []map[string]any
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, s.namespace(name))
	}
	return all
}

// namespace is the Namespace of a name: from the values, from the objects
// around, or one that has nothing but its name. The values' labels are added.
func (s *Scenario) namespace(name string) map[string]any {
	found := &unstructured.Unstructured{Object: s.namespaceAround(name)}
	labels := found.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	for _, each := range s.Values.NamespaceSelectors {
		if each.Name == name {
			maps.Copy(labels, each.Labels)
		}
	}
	labels["kubernetes.io/metadata.name"] = name
	found.SetLabels(labels)
	return found.Object
}

func (s *Scenario) namespaceAround(name string) map[string]any {
	for i := range s.Values.Namespaces {
		if s.Values.Namespaces[i].Name != name {
			continue
		}
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&s.Values.Namespaces[i])
		if err == nil {
			fields["apiVersion"], fields["kind"] = "v1", "Namespace"
			return fields
		}
	}
	for _, object := range s.Around {
		around := Of(object)
		if around.GVK() == namespaceKind && around.Name() == name {
			return runtime.DeepCopyJSON(object)
		}
	}
	return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}
}

// ValuesFor are the values for the rules that judge an object; nil if there are
// none.
func (s *Scenario) ValuesFor(o Object) policy.Values {
	if len(s.Values.GlobalValues) == 0 && len(s.Values.Policies) == 0 {
		return nil
	}
	return func(policy, rule string) map[string]any { return s.Values.For(policy, rule, o.Name()) }
}
