package native

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// constraints returns what a policy matches but for selectors, with everything
// said that the API server would fill in.
//
// The API server looks at the selectors of a policy for each request of
// whatever kind, and parses them each time, before it looks at the resources;
// at those of a binding only once the policy matches. So the binding has them,
// see reach: one must match as well as the other.
func (o origin) constraints(match *admissionv1.MatchResources) *admissionv1.MatchResources {
	filled := o.namespacedRules(match).DeepCopy()
	if filled.MatchPolicy == nil {
		filled.MatchPolicy = new(admissionv1.Equivalent)
	}
	filled.NamespaceSelector = &metav1.LabelSelector{}
	filled.ObjectSelector = &metav1.LabelSelector{}
	scoped(filled.ResourceRules)
	scoped(filled.ExcludeResourceRules)
	return filled
}

func scoped(rules []admissionv1.NamedRuleWithOperations) {
	for i := range rules {
		if rules[i].Scope == nil {
			rules[i].Scope = new(admissionv1.AllScopes)
		}
	}
}

// reach narrows a binding to what the policy's selectors choose, outside of the
// system's namespaces, and for a namespaced policy in its own.
func (o origin) reach(match *admissionv1.MatchResources) *admissionv1.MatchResources {
	namespaces := policy.SystemSelector(o.object.GetLabels())
	if o.namespaced {
		namespaces.MatchExpressions = append(namespaces.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: namespaceName, Operator: metav1.LabelSelectorOpIn, Values: []string{o.object.GetNamespace()},
		})
	}
	namespaces = both(namespaces, match.NamespaceSelector)
	objects := both(&metav1.LabelSelector{}, match.ObjectSelector)
	if empty(namespaces) && empty(objects) {
		return nil
	}
	return &admissionv1.MatchResources{MatchPolicy: new(admissionv1.Equivalent), NamespaceSelector: namespaces, ObjectSelector: objects}
}

// both chooses what the two choose. The first has no labels to match.
func both(a, b *metav1.LabelSelector) *metav1.LabelSelector {
	if b == nil {
		return a
	}
	joined := b.DeepCopy()
	joined.MatchExpressions = append(a.MatchExpressions, joined.MatchExpressions...)
	return joined
}

func empty(s *metav1.LabelSelector) bool { return len(s.MatchLabels)+len(s.MatchExpressions) == 0 }

// namespaceName is the label that the API server sets on every namespace.
const namespaceName = "kubernetes.io/metadata.name"

// failure is what an error while evaluating means.
func failure(asked *admissionv1.FailurePolicyType) *admissionv1.FailurePolicyType {
	if asked == nil {
		return new(admissionv1.Fail)
	}
	return new(*asked)
}

// namespacedRules leaves to a namespaced policy what lives in namespaces.
func (o origin) namespacedRules(match *admissionv1.MatchResources) *admissionv1.MatchResources {
	if !o.namespaced {
		return match
	}
	narrow := match.DeepCopy()
	for i := range narrow.ResourceRules {
		narrow.ResourceRules[i].Scope = new(admissionv1.NamespacedScope)
	}
	return narrow
}
