package v1

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ImageValidatingPolicy wants images signed or attested.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=imagevalidatingpolicies,scope=Cluster,shortName=ivpol,categories=kyverno
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditionStatus.ready`
type ImageValidatingPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the policy asks for.
	Spec ImageValidatingPolicySpec `json:"spec"`
	// status says whether it is in force.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// ImageValidatingPolicyList is a list of image policies.
//
// +kubebuilder:object:root=true
type ImageValidatingPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ImageValidatingPolicy `json:"items"`
}

// NamespacedImageValidatingPolicy is an ImageValidatingPolicy for the objects of
// its namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=nivpol,categories=kyverno
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditionStatus.ready`
type NamespacedImageValidatingPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the policy asks for.
	Spec ImageValidatingPolicySpec `json:"spec"`
	// status says whether it is in force.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// NamespacedImageValidatingPolicyList is a list of namespaced image policies.
//
// +kubebuilder:object:root=true
type NamespacedImageValidatingPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NamespacedImageValidatingPolicy `json:"items"`
}

// ImageValidatingPolicySpec says which images a policy judges, and how.
type ImageValidatingPolicySpec struct {
	// matchConstraints select requests by resource, name, operation, labels and
	// labels of the namespace. All of them must hold.
	// +optional
	MatchConstraints *admissionregistrationv1.MatchResources `json:"matchConstraints,omitempty"`

	// failurePolicy says what an error while evaluating means: Fail refuses, and
	// is the default; Ignore lets pass.
	// +kubebuilder:validation:Enum=Ignore;Fail
	// +optional
	FailurePolicy *admissionregistrationv1.FailurePolicyType `json:"failurePolicy,omitempty"`

	// auditAnnotations are added to the audit event of the request.
	// +listType=atomic
	// +optional
	AuditAnnotations []admissionregistrationv1.AuditAnnotation `json:"auditAnnotations,omitempty"`

	// validationActions say what a failure does: Deny, Warn, Audit; Deny unless
	// one is given.
	// +kubebuilder:validation:items:Enum=Deny;Audit;Warn
	// +listType=set
	// +optional
	ValidationActions []admissionregistrationv1.ValidationAction `json:"validationActions,omitempty"`

	// matchConditions are expressions that must be true for the policy to
	// concern a request that the constraints select.
	// +optional
	MatchConditions []admissionregistrationv1.MatchCondition `json:"matchConditions,omitempty"`

	// variables are named expressions that later ones may use as variables.NAME.
	// +optional
	Variables []admissionregistrationv1.Variable `json:"variables,omitempty"`

	// validationConfigurations say what is done with digests.
	// +optional
	ValidationConfigurations ValidationConfiguration `json:"validationConfigurations,omitempty"`

	// matchImageReferences select images. An image that none selects is not
	// judged, even when it is handed to a verifying function.
	// +optional
	MatchImageReferences []MatchImageReference `json:"matchImageReferences,omitempty"`

	// credentials are for the registry.
	// +optional
	Credentials *Credentials `json:"credentials,omitempty"`

	// images are expressions that find images in kinds that the policy does not
	// know by itself.
	// +optional
	Images []ImageExtractor `json:"images,omitempty"`

	// attestors are whose signatures count, as attestors.NAME.
	// +optional
	Attestors []Attestor `json:"attestors,omitempty"`

	// attestations are what may be attested of an image, as attestations.NAME.
	// +optional
	Attestations []Attestation `json:"attestations,omitempty"`

	// validations are the expressions that must be true.
	// +listType=atomic
	// +optional
	Validations []admissionregistrationv1.Validation `json:"validations,omitempty"`

	// webhookConfiguration adjusts the webhook.
	// +optional
	WebhookConfiguration *WebhookConfiguration `json:"webhookConfiguration,omitempty"`

	// evaluation says when the policy is evaluated.
	// +optional
	Evaluation *EvaluationConfiguration `json:"evaluation,omitempty"`

	// autogen configures what is written for workload kinds.
	// +optional
	Autogen *ImageValidatingPolicyAutogenConfiguration `json:"autogen,omitempty"`
}

// ImageValidatingPolicyAutogenConfiguration configures what is written besides
// the policy.
type ImageValidatingPolicyAutogenConfiguration struct {
	// podControllers are workload kinds that get the same rules.
	// +optional
	PodControllers *PodControllersGenerationConfiguration `json:"podControllers,omitempty"`
}

// ValidationConfiguration says what is done with digests.
type ValidationConfiguration struct {
	// mutateDigest replaces tags by digests; true unless it is set.
	// +optional
	MutateDigest *bool `json:"mutateDigest,omitempty"`

	// verifyDigest wants every image to have a digest; true unless it is set.
	// +optional
	VerifyDigest *bool `json:"verifyDigest,omitempty"`

	// required wants every image to be verified; true unless it is set.
	// +optional
	Required *bool `json:"required,omitempty"`
}

// MatchImageReference selects images by one of its fields.
type MatchImageReference struct {
	// glob is a pattern with * and ?.
	// +optional
	Glob string `json:"glob,omitempty"`

	// expression is true of the images, which it sees as ref or image.
	// +optional
	Expression string `json:"expression,omitempty"`
}

// ImageExtractor finds images in an object.
type ImageExtractor struct {
	// name under which they appear, as images.NAME.
	Name string `json:"name"`

	// expression returns a list of references.
	Expression string `json:"expression"`
}

// Credentials are for a registry.
type Credentials struct {
	// allowInsecureRegistry allows plain HTTP and unknown certificates.
	// +optional
	AllowInsecureRegistry bool `json:"allowInsecureRegistry,omitempty"`

	// providers are default, google, azure, amazon or github.
	// +optional
	Providers []string `json:"providers,omitempty"`

	// secrets are names of pull secrets in the namespace of the policy engine.
	// +optional
	Secrets []string `json:"secrets,omitempty"`
}

// Attestation is something attested of an image.
type Attestation struct {
	// name under which it appears, as attestations.NAME.
	Name string `json:"name"`

	// intoto names an in-toto statement.
	// +optional
	InToto *InToto `json:"intoto,omitempty"`

	// referrer names an OCI 1.1 referrer.
	// +optional
	Referrer *Referrer `json:"referrer,omitempty"`
}

// InToto names in-toto statements.
type InToto struct {
	// type is the predicate's type.
	Type string `json:"type"`
}

// Referrer names OCI 1.1 referrers.
type Referrer struct {
	// type is the artifact's type.
	Type string `json:"type"`
}
