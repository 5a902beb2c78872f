package v1

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PolicyException excludes objects from CEL policies.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,categories=kyverno
// +kubebuilder:printcolumn:name="Expires",type=date,JSONPath=`.spec.expiresAt`
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
	// policyRefs name the policies.
	PolicyRefs []PolicyRef `json:"policyRefs"`

	// matchConditions are expressions that are all true of the excluded objects.
	// +optional
	MatchConditions []admissionregistrationv1.MatchCondition `json:"matchConditions,omitempty"`

	// images are what a policy sees as exceptions.allowedImages.
	// +optional
	Images []string `json:"images,omitempty"`

	// allowedValues are what a policy sees as exceptions.allowedValues.
	// +optional
	AllowedValues []string `json:"allowedValues,omitempty"`

	// reportResult is skip, the default, or pass.
	// +kubebuilder:validation:Enum=skip;pass
	// +optional
	ReportResult string `json:"reportResult,omitempty"`

	// expiresAt ends the exception.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// properties hold more, such as reason, ticket or approved-by.
	// +optional
	Properties map[string]string `json:"properties,omitempty"`

	// evaluationMode is that of the policies.
	// +optional
	EvaluationMode EvaluationMode `json:"evaluationMode,omitempty"`
}

// PolicyRef names a policy.
type PolicyRef struct {
	// name of the policy.
	Name string `json:"name"`

	// kind of the policy, such as ValidatingPolicy.
	Kind string `json:"kind"`
}
