package request

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	webhookrules "k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Constraints are match resources with their selectors parsed. The zero value
// matches everything.
type Constraints struct {
	resources         admissionregistrationv1.MatchResources
	namespace, object labels.Selector
}

var _ matching.MatchCriteria = (*Constraints)(nil)

// NewConstraints parses match resources as the API server has them after its
// defaults; nil means everything. The errors are by field.
func NewConstraints(resources *admissionregistrationv1.MatchResources) (*Constraints, map[string]error) {
	made := &Constraints{namespace: labels.Everything(), object: labels.Everything()}
	if resources == nil {
		return made, nil
	}
	made.resources = *resources
	if made.resources.MatchPolicy == nil {
		equivalent := admissionregistrationv1.Equivalent
		made.resources.MatchPolicy = &equivalent
	}
	wrong := map[string]error{}
	parse := func(field string, selector *metav1.LabelSelector) labels.Selector {
		if selector == nil {
			return labels.Everything()
		}
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			wrong[field] = err
		}
		return parsed
	}
	made.namespace = parse("namespaceSelector", resources.NamespaceSelector)
	made.object = parse("objectSelector", resources.ObjectSelector)
	return made, wrong
}

// GetParsedNamespaceSelector returns the selector of namespaces.
func (c *Constraints) GetParsedNamespaceSelector() (labels.Selector, error) { return c.namespace, nil }

// GetParsedObjectSelector returns the selector of objects.
func (c *Constraints) GetParsedObjectSelector() (labels.Selector, error) { return c.object, nil }

// GetMatchResources returns everything else.
func (c *Constraints) GetMatchResources() admissionregistrationv1.MatchResources { return c.resources }

// Matched is a request in the version that a policy asked for.
type Matched struct {
	*View
	// Resource is the request's, in that version.
	Resource schema.GroupVersionResource
	// Versioned are its objects, in that version.
	Versioned *admission.VersionedAttributes
	// Interfaces know the kinds it may be converted to.
	Interfaces Interfaces
}

// Everything is a request as it came, for a policy without constraints.
func Everything(r *policy.Request) *Matched {
	v := viewOf(r)
	return &Matched{View: v, Resource: r.Resource, Versioned: v.versioned, Interfaces: Interfaces{kind: r.Kind}}
}

// Match gives a request that is selected in the version of the rule that selects
// it, and nil for any other.
func (c *Constraints) Match(r *policy.Request) (*Matched, error) {
	if !c.concerns(r) {
		return nil, nil
	}
	v := viewOf(r)
	known := Interfaces{kind: r.Kind, rules: c.resources.ResourceRules}
	if len(c.resources.ExcludeResourceRules) > 0 {
		known.rules = append(slices.Clip(known.rules), c.resources.ExcludeResourceRules...)
	}
	ok, resource, kind, err := v.matcher.Matches(v.Attributes, known, c)
	if err != nil || !ok {
		return nil, err
	}
	found := &Matched{View: v, Resource: resource, Versioned: v.versioned, Interfaces: known}
	if kind != r.Kind {
		found.Versioned, err = v.converted(kind)
	}
	return found, err
}

// concerns is false only if no rule can select the request. It spares most
// policies the decoding of an object that is none of their business.
func (c *Constraints) concerns(r *policy.Request) bool {
	if len(c.resources.ResourceRules) == 0 {
		return true
	}
	for _, rule := range c.resources.ResourceRules {
		for _, resource := range rule.Resources {
			if strings.HasPrefix(resource, "*") || strings.HasPrefix(resource, r.Resource.Resource) {
				return true
			}
		}
	}
	return false
}

// converted is the request's objects in another version.
func (v *View) converted(kind schema.GroupVersionKind) (*admission.VersionedAttributes, error) {
	made := &admission.VersionedAttributes{Attributes: v.Attributes, VersionedKind: kind}
	if object := v.Attributes.GetObject(); object != nil {
		out, err := convert(object, kind)
		if err != nil {
			return nil, fmt.Errorf("failed to convert object version: %w", err)
		}
		made.VersionedObject.Set(out)
	}
	if object := v.Attributes.GetOldObject(); object != nil {
		out, err := convert(object, kind)
		if err != nil {
			return nil, fmt.Errorf("failed to convert object version: %w", err)
		}
		made.VersionedOldObject.Set(out)
	}
	return made, nil
}

// Exempt tells whether the API server asks no policy about a request: one about
// admission itself.
func Exempt(r *policy.Request) bool {
	return webhookrules.IsExemptAdmissionConfigurationResource(kindOnly{kind: r.Kind})
}

// kindOnly are attributes of which only the kind is asked.
type kindOnly struct {
	admission.Attributes
	kind schema.GroupVersionKind
}

// GetKind returns the kind.
func (k kindOnly) GetKind() schema.GroupVersionKind { return k.kind }
