package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FeatureFlag opens alpha versions of capabilities to tenants. Its fields have
// the names of OpenFeature's flag definitions: state, variants, defaultVariant;
// targets stands for the targeting rule that gives some tenants the variant on.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=roadbed,shortName=ff
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.spec.state`
// +kubebuilder:printcolumn:name="Default",type=string,JSONPath=`.spec.defaultVariant`
// +kubebuilder:printcolumn:name="Tenants",type=string,JSONPath=`.spec.targets.tenants`
// +kubebuilder:printcolumn:name="Business units",type=string,JSONPath=`.spec.targets.businessUnits`,priority=1
// +kubebuilder:printcolumn:name="Used by",type=string,JSONPath=`.status.usedBy`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",message="metadata.name may have at most 63 characters, and no dots"
type FeatureFlag struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is for whom the flag is on.
	Spec FeatureFlagSpec `json:"spec"`
	// status says who uses the flag.
	// +optional
	Status FeatureFlagStatus `json:"status,omitempty"`
}

// FlagState says whether a flag is looked at.
// +kubebuilder:validation:Enum=ENABLED;DISABLED
type FlagState string

// The states.
const (
	// FlagEnabled flags are on for their targets.
	FlagEnabled FlagState = "ENABLED"
	// FlagDisabled flags are off for everyone.
	FlagDisabled FlagState = "DISABLED"
)

// The variants of a flag.
const (
	// VariantOn opens what the flag guards.
	VariantOn = "on"
	// VariantOff closes it.
	VariantOff = "off"
)

// FeatureFlagSpec says for whom a flag is on.
type FeatureFlagSpec struct {
	// description says what the flag opens.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Description string `json:"description,omitempty"`

	// state says whether the flag is looked at. A DISABLED flag is off for
	// everyone.
	// +kubebuilder:default=ENABLED
	// +optional
	State FlagState `json:"state,omitempty"`

	// variants are the flag's values.
	// +kubebuilder:default={on: true, off: false}
	// +optional
	Variants *FlagVariants `json:"variants,omitempty"`

	// defaultVariant is for tenants that are no targets.
	// +kubebuilder:validation:Enum=on;off
	// +kubebuilder:default=off
	// +optional
	DefaultVariant string `json:"defaultVariant,omitempty"`

	// targets get the variant on.
	// +kubebuilder:default={}
	// +optional
	Targets FlagTargets `json:"targets,omitempty"`
}

// FlagVariants are a flag's values: the variant on is true, off is false.
// +kubebuilder:validation:XValidation:rule="self.on && !self.off",message="spec.variants: on must be true and off false"
type FlagVariants struct {
	// on is the value for those who have the flag: true.
	// +kubebuilder:default=true
	// +optional
	On bool `json:"on"`

	// off is the value for all others: false.
	// +kubebuilder:default=false
	// +optional
	Off bool `json:"off"`
}

// FlagTargets get the variant on.
type FlagTargets struct {
	// tenants that have the flag.
	// +kubebuilder:validation:MaxItems=2048
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=40
	// +listType=set
	// +optional
	Tenants []string `json:"tenants,omitempty"`

	// businessUnits whose tenants have the flag.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=40
	// +listType=set
	// +optional
	BusinessUnits []string `json:"businessUnits,omitempty"`
}

// FeatureFlagStatus says who uses a flag.
type FeatureFlagStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what holds; Ready sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// usedBy are the versions that the flag opens, as CAPABILITY/VERSION.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=64
	// +listType=set
	// +optional
	UsedBy []string `json:"usedBy,omitempty"`
}

// FeatureFlagList is a list of flags.
//
// +kubebuilder:object:root=true
type FeatureFlagList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FeatureFlag `json:"items"`
}
