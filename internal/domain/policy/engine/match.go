package engine

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

// constraints are match resources with their selectors parsed. The zero value
// matches everything.
type constraints struct {
	resources         admissionregistrationv1.MatchResources
	namespace, object labels.Selector
}

var _ matching.MatchCriteria = (*constraints)(nil)

// newConstraints parses match resources as the API server has them after its
// defaults; nil means everything.
func newConstraints(path string, resources *admissionregistrationv1.MatchResources) (*constraints, FaultsError) {
	made := &constraints{namespace: labels.Everything(), object: labels.Everything()}
	if resources == nil {
		return made, nil
	}
	made.resources = *resources
	if made.resources.MatchPolicy == nil {
		equivalent := admissionregistrationv1.Equivalent
		made.resources.MatchPolicy = &equivalent
	}
	var faults FaultsError
	parse := func(field string, selector *metav1.LabelSelector) labels.Selector {
		if selector == nil {
			return labels.Everything()
		}
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			faults = append(faults, Fault{Field: path + "." + field, Message: err.Error()})
		}
		return parsed
	}
	made.namespace = parse("namespaceSelector", resources.NamespaceSelector)
	made.object = parse("objectSelector", resources.ObjectSelector)
	return made, faults
}

// GetParsedNamespaceSelector returns the selector of namespaces.
func (c *constraints) GetParsedNamespaceSelector() (labels.Selector, error) { return c.namespace, nil }

// GetParsedObjectSelector returns the selector of objects.
func (c *constraints) GetParsedObjectSelector() (labels.Selector, error) { return c.object, nil }

// GetMatchResources returns everything else.
func (c *constraints) GetMatchResources() admissionregistrationv1.MatchResources { return c.resources }

// matched is a request in the version that a policy asked for.
type matched struct {
	*view
	resource   schema.GroupVersionResource
	versioned  *admission.VersionedAttributes
	interfaces interfaces
}

// match tells whether a request is selected, and gives it in the version of the
// rule that selects it.
func (c *constraints) match(r *policy.Request) (*matched, error) {
	if !c.concerns(r) {
		return nil, nil
	}
	v := viewOf(r)
	known := interfaces{kind: r.Kind, rules: c.resources.ResourceRules}
	if len(c.resources.ExcludeResourceRules) > 0 {
		known.rules = append(slices.Clip(known.rules), c.resources.ExcludeResourceRules...)
	}
	ok, resource, kind, err := v.matcher.Matches(v.attributes, known, c)
	if err != nil || !ok {
		return nil, err
	}
	found := &matched{view: v, resource: resource, versioned: v.versioned, interfaces: known}
	if kind != r.Kind {
		found.versioned, err = v.converted(kind)
	}
	return found, err
}

// concerns is false only if no rule can select the request. It spares most
// policies the decoding of an object that is none of their business.
func (c *constraints) concerns(r *policy.Request) bool {
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
func (v *view) converted(kind schema.GroupVersionKind) (*admission.VersionedAttributes, error) {
	made := &admission.VersionedAttributes{Attributes: v.attributes, VersionedKind: kind}
	if object := v.attributes.GetObject(); object != nil {
		out, err := convert(object, kind)
		if err != nil {
			return nil, fmt.Errorf("failed to convert object version: %w", err)
		}
		made.VersionedObject.Set(out)
	}
	if object := v.attributes.GetOldObject(); object != nil {
		out, err := convert(object, kind)
		if err != nil {
			return nil, fmt.Errorf("failed to convert object version: %w", err)
		}
		made.VersionedOldObject.Set(out)
	}
	return made, nil
}

// exempt tells whether the API server asks no policy about a request: one about
// admission itself.
func exempt(r *policy.Request) bool {
	return webhookrules.IsExemptAdmissionConfigurationResource(kindOnly{kind: r.Kind})
}

// kindOnly are attributes of which only the kind is asked.
type kindOnly struct {
	admission.Attributes
	kind schema.GroupVersionKind
}

// GetKind returns the kind.
func (k kindOnly) GetKind() schema.GroupVersionKind { return k.kind }
