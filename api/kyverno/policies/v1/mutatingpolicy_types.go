package v1

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MutatingPolicy changes objects by CEL expressions.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=mutatingpolicies,scope=Cluster,shortName=mpol,categories=kyverno
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditionStatus.ready`
type MutatingPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the policy changes.
	Spec MutatingPolicySpec `json:"spec"`
	// status says whether it is in force.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// MutatingPolicyList is a list of mutating policies.
//
// +kubebuilder:object:root=true
type MutatingPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []MutatingPolicy `json:"items"`
}

// NamespacedMutatingPolicy is a MutatingPolicy for the objects of its namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=nmpol,categories=kyverno
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditionStatus.ready`
type NamespacedMutatingPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the policy changes.
	Spec MutatingPolicySpec `json:"spec"`
	// status says whether it is in force.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// NamespacedMutatingPolicyList is a list of namespaced mutating policies.
//
// +kubebuilder:object:root=true
type NamespacedMutatingPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NamespacedMutatingPolicy `json:"items"`
}

// MutatingPolicySpec says which objects a policy changes, and how.
type MutatingPolicySpec struct {
	// matchConstraints select requests by resource, name, operation, labels and
	// labels of the namespace. All of them must hold.
	// +optional
	MatchConstraints *admissionregistrationv1.MatchResources `json:"matchConstraints,omitempty"`

	// failurePolicy says what an error while evaluating means: Fail refuses, and
	// is the default; Ignore lets pass.
	// +kubebuilder:validation:Enum=Ignore;Fail
	// +optional
	FailurePolicy *admissionregistrationv1.FailurePolicyType `json:"failurePolicy,omitempty"`

	// targetMatchConstraints select other, existing objects to be changed.
	// +optional
	TargetMatchConstraints *TargetMatchConstraints `json:"targetMatchConstraints,omitempty"`

	// targetMatchConditions are expressions that must be true of other, existing
	// objects to be changed.
	// +listType=map
	// +listMapKey=name
	// +optional
	TargetMatchConditions []admissionregistrationv1.MatchCondition `json:"targetMatchConditions,omitempty"`

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
	Autogen *MutatingPolicyAutogenConfiguration `json:"autogen,omitempty"`

	// mutations are the changes, in order.
	// +listType=atomic
	// +optional
	Mutations []admissionregistrationv1.Mutation `json:"mutations,omitempty"`

	// auditAnnotations are expressions whose values results of the changed object
	// have as annotations. The API server has none for policies that change objects.
	// +listType=map
	// +listMapKey=key
	// +optional
	AuditAnnotations []admissionregistrationv1.AuditAnnotation `json:"auditAnnotations,omitempty"`

	// webhookConfiguration adjusts the webhook.
	// +optional
	WebhookConfiguration *WebhookConfiguration `json:"webhookConfiguration,omitempty"`

	// evaluation says when the policy is evaluated.
	// +optional
	Evaluation *MutatingPolicyEvaluationConfiguration `json:"evaluation,omitempty"`

	// reinvocationPolicy is Never, the default, or IfNeeded: then the mutations
	// run again when something else changed the object after them.
	// +optional
	ReinvocationPolicy admissionregistrationv1.ReinvocationPolicyType `json:"reinvocationPolicy,omitempty"`
}

// TargetMatchConstraints select existing objects.
type TargetMatchConstraints struct {
	// expression returns the objects.
	// +optional
	Expression string `json:"expression,omitempty"`

	admissionregistrationv1.MatchResources `json:",inline"`
}

// MutatingPolicyEvaluationConfiguration says when a policy is evaluated.
type MutatingPolicyEvaluationConfiguration struct {
	// mode is Kubernetes or JSON; Kubernetes unless it is set.
	// +optional
	Mode EvaluationMode `json:"mode,omitempty"`

	// admission switches evaluation of requests.
	// +optional
	Admission *AdmissionConfiguration `json:"admission,omitempty"`

	// background switches evaluation of existing objects.
	// +optional
	Background *BackgroundConfiguration `json:"background,omitempty"`

	// mutateExisting asks for changes to existing objects.
	// +optional
	MutateExisting *MutateExistingConfiguration `json:"mutateExisting,omitempty"`

	// skipBackgroundRequests is about requests of Kyverno's background controller,
	// of which there are none here.
	// +optional
	SkipBackgroundRequests *bool `json:"skipBackgroundRequests,omitempty"`

	// useServerSideApply lets apply configurations replace atomic lists and maps.
	// +optional
	UseServerSideApply bool `json:"useServerSideApply,omitempty"`
}

// MutateExistingConfiguration asks for changes to existing objects.
type MutateExistingConfiguration struct {
	// enabled is false unless it is set.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}

// MutatingPolicyAutogenConfiguration configures what is written besides the
// policy.
type MutatingPolicyAutogenConfiguration struct {
	// podControllers are workload kinds that get the same changes.
	// +optional
	PodControllers *PodControllersGenerationConfiguration `json:"podControllers,omitempty"`

	// mutatingAdmissionPolicy asks Kyverno for a native policy.
	// +optional
	MutatingAdmissionPolicy *GenerationConfiguration `json:"mutatingAdmissionPolicy,omitempty"`
}
