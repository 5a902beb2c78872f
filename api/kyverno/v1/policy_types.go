package v1

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterPolicy is a set of rules for the objects of the cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=clusterpolicies,scope=Cluster,shortName=cpol,categories=kyverno
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=`.spec.validationFailureAction`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ClusterPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the policy asks for.
	Spec Spec `json:"spec"`
	// status says whether it is in force.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// ClusterPolicyList is a list of cluster policies.
//
// +kubebuilder:object:root=true
type ClusterPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterPolicy `json:"items"`
}

// Policy is a set of rules for the objects of its namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=policies,scope=Namespaced,shortName=pol,categories=kyverno
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=`.spec.validationFailureAction`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Policy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the policy asks for.
	Spec Spec `json:"spec"`
	// status says whether it is in force.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// PolicyList is a list of policies.
//
// +kubebuilder:object:root=true
type PolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Policy `json:"items"`
}

// Spec is a policy's rules and what holds for all of them.
type Spec struct {
	// rules in order.
	// +optional
	Rules []Rule `json:"rules,omitempty"`

	// applyRules is All, the default, or One: then the first rule that applies
	// is the last.
	// +kubebuilder:validation:Enum=All;One
	// +optional
	ApplyRules string `json:"applyRules,omitempty"`

	// failurePolicy is the old place of webhookConfiguration.failurePolicy.
	// +kubebuilder:validation:Enum=Ignore;Fail
	// +optional
	FailurePolicy *admissionregistrationv1.FailurePolicyType `json:"failurePolicy,omitempty"`

	// validationFailureAction is the old place of a rule's failureAction.
	// +optional
	ValidationFailureAction FailureAction `json:"validationFailureAction,omitempty"`

	// validationFailureActionOverrides is the old place of a rule's
	// failureActionOverrides.
	// +optional
	ValidationFailureActionOverrides []FailureActionOverride `json:"validationFailureActionOverrides,omitempty"`

	// emitWarning shows warnings to who sent the request.
	// +optional
	EmitWarning *bool `json:"emitWarning,omitempty"`

	// admission applies the rules to requests; true unless it is set.
	// +optional
	Admission *bool `json:"admission,omitempty"`

	// background applies the rules to existing objects; true unless it is set.
	// +optional
	Background *bool `json:"background,omitempty"`

	// schemaValidation is of no effect any more.
	// +optional
	SchemaValidation *bool `json:"schemaValidation,omitempty"`

	// webhookTimeoutSeconds is the old place of
	// webhookConfiguration.timeoutSeconds.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=30
	// +optional
	WebhookTimeoutSeconds *int32 `json:"webhookTimeoutSeconds,omitempty"`

	// mutateExistingOnPolicyUpdate changes existing objects when the policy does.
	// +optional
	MutateExistingOnPolicyUpdate bool `json:"mutateExistingOnPolicyUpdate,omitempty"`

	// generateExistingOnPolicyUpdate is the old name of generateExisting.
	// +optional
	GenerateExistingOnPolicyUpdate *bool `json:"generateExistingOnPolicyUpdate,omitempty"`

	// generateExisting applies generate rules to existing objects.
	// +optional
	GenerateExisting bool `json:"generateExisting,omitempty"`

	// useServerSideApply concerns generate rules.
	// +optional
	UseServerSideApply bool `json:"useServerSideApply,omitempty"`

	// webhookConfiguration adjusts the webhook.
	// +optional
	WebhookConfiguration *WebhookConfiguration `json:"webhookConfiguration,omitempty"`
}

// FailureAction says what a failure does.
// +kubebuilder:validation:Enum=audit;enforce;Audit;Enforce
type FailureAction string

// The failure actions; the formats of old write them in small letters.
const (
	// Audit reports and lets pass. The default.
	Audit FailureAction = "Audit"
	// Enforce refuses.
	Enforce FailureAction = "Enforce"
)

// FailureActionOverride is another action for some namespaces.
type FailureActionOverride struct {
	// action is Audit or Enforce.
	// +optional
	Action FailureAction `json:"action,omitempty"`

	// namespaces by name; * and ? are wildcards.
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`

	// namespaceSelector selects namespaces by their labels.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
}

// WebhookConfiguration adjusts the webhook that a policy needs.
type WebhookConfiguration struct {
	// failurePolicy is Fail, the default, or Ignore.
	// +kubebuilder:validation:Enum=Ignore;Fail
	// +optional
	FailurePolicy *admissionregistrationv1.FailurePolicyType `json:"failurePolicy,omitempty"`

	// timeoutSeconds is the longest wait, 1 to 30.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=30
	// +optional
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`

	// matchConditions are CEL expressions that narrow the webhook.
	// +optional
	MatchConditions []admissionregistrationv1.MatchCondition `json:"matchConditions,omitempty"`
}

// PolicyStatus says whether a policy is in force.
type PolicyStatus struct {
	// ready is the old form of the condition Ready.
	// +optional
	Ready *bool `json:"ready,omitempty"`

	// conditions say whether the policy is in force, and why not.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// autogen is what Kyverno wrote for workload kinds. Roadbed keeps it as it is.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Autogen *JSON `json:"autogen,omitempty"`

	// rulecount counts the rules.
	// +optional
	RuleCount *RuleCount `json:"rulecount,omitempty"`

	// validatingadmissionpolicy is about a native policy in place of this one.
	// +optional
	ValidatingAdmissionPolicy *NativePolicyStatus `json:"validatingadmissionpolicy,omitempty"`
}

// RuleCount counts the rules of a policy.
type RuleCount struct {
	// validate rules.
	// +optional
	Validate int `json:"validate"`
	// generate rules.
	// +optional
	Generate int `json:"generate"`
	// mutate rules.
	// +optional
	Mutate int `json:"mutate"`
	// verifyimages rules.
	// +optional
	VerifyImages int `json:"verifyimages"`
}

// NativePolicyStatus is about a native policy in place of this one.
type NativePolicyStatus struct {
	// generated tells whether there is one.
	// +optional
	Generated bool `json:"generated"`
	// message says why not.
	// +optional
	Message string `json:"message"`
}
