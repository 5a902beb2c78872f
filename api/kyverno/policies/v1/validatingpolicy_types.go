package v1

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ValidatingPolicy refuses or reports requests by CEL expressions.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=validatingpolicies,scope=Cluster,shortName=vpol,categories=kyverno
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditionStatus.ready`
type ValidatingPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the policy asks for.
	Spec ValidatingPolicySpec `json:"spec"`
	// status says whether it is in force.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// ValidatingPolicyList is a list of validating policies.
//
// +kubebuilder:object:root=true
type ValidatingPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ValidatingPolicy `json:"items"`
}

// NamespacedValidatingPolicy is a ValidatingPolicy for the objects of its
// namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=nvpol,categories=kyverno
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditionStatus.ready`
type NamespacedValidatingPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the policy asks for.
	Spec ValidatingPolicySpec `json:"spec"`
	// status says whether it is in force.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// NamespacedValidatingPolicyList is a list of namespaced validating policies.
//
// +kubebuilder:object:root=true
type NamespacedValidatingPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NamespacedValidatingPolicy `json:"items"`
}

// ValidatingPolicySpec says which requests a policy judges, and how.
type ValidatingPolicySpec struct {
	// matchConstraints select requests by resource, name, operation, labels and
	// labels of the namespace. All of them must hold.
	// +optional
	MatchConstraints *admissionregistrationv1.MatchResources `json:"matchConstraints,omitempty"`

	// validations are the expressions that must be true.
	// +listType=atomic
	// +optional
	Validations []admissionregistrationv1.Validation `json:"validations,omitempty"`

	// failurePolicy says what an error while evaluating means: Fail refuses, and
	// is the default; Ignore lets pass.
	// +kubebuilder:validation:Enum=Ignore;Fail
	// +optional
	FailurePolicy *admissionregistrationv1.FailurePolicyType `json:"failurePolicy,omitempty"`

	// auditAnnotations are added to the audit event of the request.
	// +listType=atomic
	// +optional
	AuditAnnotations []admissionregistrationv1.AuditAnnotation `json:"auditAnnotations,omitempty"`

	// matchConditions are expressions that must be true for the policy to
	// concern a request that the constraints select.
	// +listType=map
	// +listMapKey=name
	// +optional
	MatchConditions []admissionregistrationv1.MatchCondition `json:"matchConditions,omitempty"`

	// variables are named expressions that later ones may use as variables.NAME.
	// +listType=map
	// +listMapKey=name
	// +optional
	Variables []admissionregistrationv1.Variable `json:"variables,omitempty"`

	// autogen configures what is written for workload kinds.
	// +optional
	Autogen *ValidatingPolicyAutogenConfiguration `json:"autogen,omitempty"`

	// validationActions say what a failure does: Deny, Warn, Audit; Deny unless
	// one is given.
	// +kubebuilder:validation:items:Enum=Deny;Audit;Warn
	// +listType=set
	// +optional
	ValidationActions []admissionregistrationv1.ValidationAction `json:"validationActions,omitempty"`

	// webhookConfiguration adjusts the webhook.
	// +optional
	WebhookConfiguration *WebhookConfiguration `json:"webhookConfiguration,omitempty"`

	// evaluation says when the policy is evaluated.
	// +optional
	Evaluation *EvaluationConfiguration `json:"evaluation,omitempty"`
}

// ValidatingPolicyAutogenConfiguration configures what is written besides the
// policy.
type ValidatingPolicyAutogenConfiguration struct {
	// podControllers are workload kinds that get the same rules.
	// +optional
	PodControllers *PodControllersGenerationConfiguration `json:"podControllers,omitempty"`

	// validatingAdmissionPolicy asks Kyverno for a native policy.
	// +optional
	ValidatingAdmissionPolicy *GenerationConfiguration `json:"validatingAdmissionPolicy,omitempty"`
}
