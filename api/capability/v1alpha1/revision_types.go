package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CapabilityRevision keeps what a version of a Capability meant: what was
// claimed by one revision is rendered by that revision until its claim moves
// to another. Roadbed makes revisions, named CAPABILITY-VERSION-HASH; they
// never change.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=roadbed,shortName=caprev
// +kubebuilder:printcolumn:name="Capability",type=string,JSONPath=`.spec.capability`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.spec.version`
// +kubebuilder:printcolumn:name="Number",type=integer,JSONPath=`.spec.number`
// +kubebuilder:printcolumn:name="Provisioner",type=string,JSONPath=`.spec.provisioner.type`
// +kubebuilder:printcolumn:name="Rolled out",type=string,JSONPath=`.status.conditions[?(@.type=="RolledOut")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CapabilityRevision struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the version meant.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a revision never changes: claims that are pinned to it rely on that"
	Spec CapabilityRevisionSpec `json:"spec"`
	// status says how far it was rolled out.
	// +optional
	Status CapabilityRevisionStatus `json:"status,omitempty"`
}

// CapabilityRevisionStatus says how far a revision was rolled out.
type CapabilityRevisionStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what holds: RolledOut, and Ready, which sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// openWaves counts the waves of the capability's rollout that are open:
	// floating claims of their tiers are rendered by this revision. The last wave
	// takes the tiers that no wave names.
	// +optional
	OpenWaves int32 `json:"openWaves,omitempty"`

	// wavesAt is when the last of them was opened.
	// +optional
	WavesAt *metav1.Time `json:"wavesAt,omitempty"`
}

// CapabilityRevisionSpec is what a version meant.
type CapabilityRevisionSpec struct {
	// capability that the revision is of.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Capability string `json:"capability"`

	// version of the capability.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=20
	Version string `json:"version"`

	// number counts the revisions of the version from 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Number int32 `json:"number"`

	// hash of schema, connection and provisioner.
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-z]+$`
	Hash string `json:"hash"`

	// schema of the claims, as it was.
	Schema ClaimSchema `json:"schema"`

	// connection as it was.
	// +kubebuilder:default={}
	// +optional
	Connection Connection `json:"connection,omitempty"`

	// provisioner as it was.
	Provisioner Provisioner `json:"provisioner"`

	// price as it was.
	// +optional
	Price *Price `json:"price,omitempty"`
}

// CapabilityRevisionList is a list of revisions.
//
// +kubebuilder:object:root=true
type CapabilityRevisionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CapabilityRevision `json:"items"`
}
