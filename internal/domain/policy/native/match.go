package native

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// constraints returns what a policy matches, with everything said that the API
// server would fill in.
func constraints(match *admissionv1.MatchResources) *admissionv1.MatchResources {
	filled := match.DeepCopy()
	if filled.MatchPolicy == nil {
		filled.MatchPolicy = new(admissionv1.Equivalent)
	}
	if filled.NamespaceSelector == nil {
		filled.NamespaceSelector = &metav1.LabelSelector{}
	}
	if filled.ObjectSelector == nil {
		filled.ObjectSelector = &metav1.LabelSelector{}
	}
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

// reach narrows a binding to where the policy may hold: outside of the system's
// namespaces, and for a namespaced policy in its own.
func (o origin) reach() *admissionv1.MatchResources {
	selector := policy.SystemSelector(o.object.GetLabels())
	if o.namespaced {
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: namespaceName, Operator: metav1.LabelSelectorOpIn, Values: []string{o.object.GetNamespace()},
		})
	}
	if len(selector.MatchExpressions) == 0 {
		return nil
	}
	return constraints(&admissionv1.MatchResources{NamespaceSelector: selector})
}

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
