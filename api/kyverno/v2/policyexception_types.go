package v2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// PolicyException excludes objects from rules of legacy policies.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,shortName=polex,categories=kyverno
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type PolicyException struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which objects are excluded, and from what.
	Spec PolicyExceptionSpec `json:"spec"`
}

// PolicyExceptionList is a list of exceptions.
//
// +kubebuilder:object:root=true
type PolicyExceptionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PolicyException `json:"items"`
}

// PolicyExceptionSpec says which objects are excluded, and from what.
type PolicyExceptionSpec struct {
	// background applies the exception to existing objects too; true unless it
	// is set.
	// +optional
	Background *bool `json:"background,omitempty"`

	// match selects objects.
	Match MatchResources `json:"match"`

	// conditions must hold for an object to be excluded.
	// +optional
	Conditions *kyvernov1.AnyAllConditions `json:"conditions,omitempty"`

	// exceptions name policies and rules.
	Exceptions []Exception `json:"exceptions"`

	// podSecurity limits the exclusion to controls of podSecurity rules.
	// +optional
	PodSecurity []kyvernov1.PodSecurityStandard `json:"podSecurity,omitempty"`
}

// MatchResources selects objects: any of the filters, or all of them.
type MatchResources struct {
	// any of these filters.
	// +optional
	Any []kyvernov1.ResourceFilter `json:"any,omitempty"`

	// all of these filters.
	// +optional
	All []kyvernov1.ResourceFilter `json:"all,omitempty"`
}

// Exception names rules of a policy.
type Exception struct {
	// policyName is NAME, or NAMESPACE/NAME of a Policy; * and ? are wildcards.
	PolicyName string `json:"policyName"`

	// ruleNames may hold the wildcards * and ?.
	RuleNames []string `json:"ruleNames"`
}
