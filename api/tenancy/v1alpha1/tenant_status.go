package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TenantStatus is what Roadbed made of a tenant.
type TenantStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what holds; Ready sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// model is the isolation model in force.
	// +optional
	Model IsolationModel `json:"model,omitempty"`

	// quota is the tenant's quota in force: the tier's, with the tenant's laid over it.
	// +mapType=atomic
	// +optional
	Quota corev1.ResourceList `json:"quota,omitempty"`

	// namespaces are the tenant's namespaces as Roadbed last saw them.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	Namespaces []TenantNamespaceStatus `json:"namespaces,omitempty"`

	// provisioned is what the namespaces were last brought to. While a newer
	// spec is refused, they are kept so. Roadbed writes it for itself: it
	// repeats the tenant's spec and its tier's as they were.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +structType=atomic
	// +optional
	Provisioned *Provisioned `json:"provisioned,omitempty"`

	// offboarding is the progress of the offboarding procedure.
	// +optional
	Offboarding *OffboardingStatus `json:"offboarding,omitempty"`
}

// Provisioned is all that a tenant's objects were planned from.
type Provisioned struct {
	// spec was the tenant's.
	Spec TenantSpec `json:"spec"`
	// tier was the spec of the tenant's tier.
	Tier TierSpec `json:"tier"`
}

// TenantNamespaceStatus is one namespace as Roadbed last saw it.
type TenantNamespaceStatus struct {
	// name of the Namespace object.
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// environment is the namespace's name within the tenant.
	// +kubebuilder:validation:MaxLength=15
	// +optional
	Environment string `json:"environment,omitempty"`
	// isolated is true while every guardrail is in place and its quotas are live.
	Isolated bool `json:"isolated"`
	// message says what is missing.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
}

// OffboardingStatus is the progress of the offboarding procedure.
type OffboardingStatus struct {
	// steps in their order, each with what came of it.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Steps []OffboardingStep `json:"steps,omitempty"`

	// export is where the tenant's objects were written before they were deleted.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Export string `json:"export,omitempty"`

	// residue lists what the procedure left behind, such as released volumes.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=atomic
	// +optional
	Residue []string `json:"residue,omitempty"`
}

// OffboardingStep is one step of the procedure and what came of it.
type OffboardingStep struct {
	// name of the step: Cordon, Export, LegalHold, Drain, Delete, Residue.
	// +kubebuilder:validation:Enum=Cordon;Export;LegalHold;Drain;Delete;Residue
	Name string `json:"name"`
	// state is Pending, Waiting, Blocked or Done.
	// +kubebuilder:validation:Enum=Pending;Waiting;Blocked;Done
	State string `json:"state"`
	// message says what the step did or waits for.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// finished is when the step was done.
	// +optional
	Finished *metav1.Time `json:"finished,omitempty"`
}
