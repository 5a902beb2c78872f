package scenario

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// Values is a file of values, kind Values of cli.kyverno.io/v1alpha1: what
// policies would look up or only a request knows.
type Values struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	ValuesSpec        `json:",inline"`
}

// ValuesSpec is what a file of values says.
type ValuesSpec struct {
	// GlobalValues are variables of all policies, by dotted names.
	GlobalValues map[string]any `json:"globalValues,omitempty"`
	// Policies are variables of some policies, rules and objects.
	Policies []PolicyValues `json:"policies,omitempty"`
	// NamespaceSelectors are labels of namespaces.
	NamespaceSelectors []NamespaceLabels `json:"namespaceSelector,omitempty"`
	// Namespaces are whole namespaces.
	Namespaces []corev1.Namespace `json:"namespaces,omitempty"`
	// Subresources say which kinds are subresources of others.
	Subresources []Subresource `json:"subresources,omitempty"`
	// Variables are of no use to any policy Roadbed evaluates.
	Variables map[string]string `json:"variables,omitempty"`
}

// PolicyValues are the variables of one policy.
type PolicyValues struct {
	Name      string           `json:"name"`
	Resources []ResourceValues `json:"resources,omitempty"`
	Rules     []RuleValues     `json:"rules,omitempty"`
}

// ResourceValues are the variables of a policy for one object.
type ResourceValues struct {
	Name   string         `json:"name"`
	Values map[string]any `json:"values,omitempty"`
}

// RuleValues are the variables of one rule.
type RuleValues struct {
	Name   string         `json:"name"`
	Values map[string]any `json:"values,omitempty"`
	// ForEachValues are of which each element of a foreach gets one.
	ForEachValues map[string]policy.PerElement `json:"foreachValues,omitempty"`
}

// NamespaceLabels are the labels of a namespace.
type NamespaceLabels struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Subresource says that one kind is a subresource of another.
type Subresource struct {
	Subresource    metav1.APIResource `json:"subresource"`
	ParentResource metav1.APIResource `json:"parentResource"`
}

// ParseValues reads a file of values, with or without apiVersion and kind.
func ParseValues(file string, data []byte) (ValuesSpec, []yamldoc.Mistake) {
	var values Values
	mistakes := one(file, data, &values, "Values", "Value")
	return values.ValuesSpec, mistakes
}

// one decodes the only document of a file, which must be of one of the kinds if
// it says a kind at all.
func one(file string, data []byte, into any, kinds ...string) []yamldoc.Mistake {
	documents, mistakes := yamldoc.Split(file, data)
	if len(mistakes) > 0 {
		return mistakes
	}
	if len(documents) != 1 {
		return []yamldoc.Mistake{{File: file, Line: 1, Message: "want one document of kind " + kinds[0]}}
	}
	if kind := documents[0].Kind(); kind != "" && !strings.Contains(" "+strings.Join(kinds, " ")+" ", " "+kind+" ") {
		return []yamldoc.Mistake{documents[0].Mistake("kind", "must be "+kinds[0]+", not "+kind)}
	}
	return documents[0].Decode(into)
}

// Set adds variables for all policies. They win over those of the file.
func (v *ValuesSpec) Set(variables map[string]string) {
	if v.GlobalValues == nil {
		v.GlobalValues = map[string]any{}
	}
	for name, value := range variables {
		v.GlobalValues[name] = value
	}
}

// For are the variables of a rule for an object: what all policies have, then
// what the rule has, then what the policy has for the object. The rule may be
// one that autogen made.
func (v ValuesSpec) For(name, rule, object string) map[string]any {
	merged := maps.Clone(v.GlobalValues)
	if merged == nil {
		merged = map[string]any{}
	}
	for _, each := range v.Policies {
		if each.Name != name && !strings.HasSuffix(name, "/"+each.Name) {
			continue
		}
		for _, values := range each.Rules {
			if values.Name == withoutAutogen(rule) || values.Name == rule {
				values.into(merged)
			}
		}
		for _, values := range each.Resources {
			if values.Name == object {
				maps.Copy(merged, values.Values)
			}
		}
	}
	return merged
}

// into adds the rule's variables to others.
func (r RuleValues) into(merged map[string]any) {
	maps.Copy(merged, r.Values)
	for variable, list := range r.ForEachValues {
		merged[variable] = list
	}
}

// request are the variables that change the request itself, for all policies and
// all rules: a request is one for all.
func (v ValuesSpec) request(object string) map[string]any {
	merged := maps.Clone(v.GlobalValues)
	if merged == nil {
		merged = map[string]any{}
	}
	for _, each := range v.Policies {
		for _, values := range each.Resources {
			if values.Name == object {
				maps.Copy(merged, values.Values)
			}
		}
	}
	maps.Copy(merged, dotted("request", merged["request"]))
	return merged
}

// dotted are the values in an object by their dotted paths; a list is one value.
func dotted(path string, value any) map[string]any {
	fields, ok := value.(map[string]any)
	if !ok {
		if value == nil {
			return nil
		}
		return map[string]any{path: value}
	}
	all := map[string]any{}
	for key, field := range fields {
		maps.Copy(all, dotted(path+"."+key, field))
	}
	return all
}

// withoutAutogen is the name of the rule that autogen made another of.
func withoutAutogen(rule string) string {
	return strings.TrimPrefix(strings.TrimPrefix(rule, "autogen-"), "cronjob-")
}

// parentOf is the resource and the name of the subresource that a kind is, if
// the values say so.
func (v ValuesSpec) parentOf(kind schema.GroupVersionKind) (parent metav1.APIResource, name string, ok bool) {
	for _, each := range v.Subresources {
		sub := each.Subresource
		if sub.Kind == kind.Kind && sub.Group == kind.Group && (sub.Version == "" || sub.Version == kind.Version) {
			_, name, _ = strings.Cut(sub.Name, "/")
			return each.ParentResource, name, true
		}
	}
	return metav1.APIResource{}, "", false
}
