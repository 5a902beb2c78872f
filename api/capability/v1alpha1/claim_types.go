package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClaimUpdates says whether a claim follows its capability.
// +kubebuilder:validation:Enum=Floating;Pinned
type ClaimUpdates string

// The ways of following.
const (
	// UpdatesFloating claims get each new revision of their version, wave by wave.
	UpdatesFloating ClaimUpdates = "Floating"
	// UpdatesPinned claims stay with their revision until they name another.
	UpdatesPinned ClaimUpdates = "Pinned"
)

// DeletionPolicy says what becomes of what was provisioned when its claim is
// deleted.
// +kubebuilder:validation:Enum=Retain;Snapshot;Delete
type DeletionPolicy string

// The policies.
const (
	// DeletionRetain leaves everything where it is.
	DeletionRetain DeletionPolicy = "Retain"
	// DeletionSnapshot saves the data, then deletes.
	DeletionSnapshot DeletionPolicy = "Snapshot"
	// DeletionDelete deletes.
	DeletionDelete DeletionPolicy = "Delete"
)

// The condition types of claims.
const (
	// ClaimAccepted: the claim may be provisioned as it stands.
	ClaimAccepted = "Accepted"
	// ClaimApproved: whoever must agree has agreed.
	ClaimApproved = "Approved"
	// ClaimProvisioned: what was claimed was made as the claim says.
	ClaimProvisioned = "Provisioned"
	// ClaimReady: what was claimed can be used.
	ClaimReady = "Ready"
)

// ClaimPlatform is the field spec.platform that every claim has.
type ClaimPlatform struct {
	// revision names the CapabilityRevision to render; the newest of the claim's
	// version when empty. A Pinned claim is given the one it began with.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Revision string `json:"revision,omitempty"`

	// updates says whether the claim follows its capability.
	// +kubebuilder:default=Floating
	// +optional
	Updates ClaimUpdates `json:"updates,omitempty"`

	// deletionPolicy says what becomes of what was provisioned; by the tenant's
	// data class when empty.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// ClaimStatus is the status that every claim has.
type ClaimStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what holds: Accepted, Approved, Provisioned, and Ready,
	// which sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// version of the capability that the claim is of.
	// +kubebuilder:validation:MaxLength=20
	// +optional
	Version string `json:"version,omitempty"`

	// revision names the CapabilityRevision that was rendered.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Revision string `json:"revision,omitempty"`

	// endpoint is where the thing is reached.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// connectionSecretRef names the Secret with what one needs to connect.
	// +optional
	ConnectionSecretRef *ClaimSecretReference `json:"connectionSecretRef,omitempty"`

	// cost is what the claim costs.
	// +optional
	Cost *ClaimCost `json:"cost,omitempty"`

	// resources are the objects made for the claim.
	// +kubebuilder:validation:MaxItems=128
	// +listType=atomic
	// +optional
	Resources []ClaimResource `json:"resources,omitempty"`

	// approval says who agreed to the claim as it was provisioned.
	// +optional
	Approval *ClaimApprovalRecord `json:"approval,omitempty"`

	// lastAppliedHash is the hash of what was last applied.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	LastAppliedHash string `json:"lastAppliedHash,omitempty"`
}

// ClaimSecretReference names a Secret in the claim's namespace.
type ClaimSecretReference struct {
	// name of the Secret.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// ClaimCost is what a claim costs.
type ClaimCost struct {
	// amount, a decimal number.
	// +kubebuilder:validation:MaxLength=32
	Amount string `json:"amount"`

	// currency is its ISO 4217 code.
	// +kubebuilder:validation:MaxLength=3
	Currency string `json:"currency"`

	// per is what it is charged for.
	// +kubebuilder:validation:MaxLength=10
	Per string `json:"per"`
}

// ClaimResource is an object made for a claim.
type ClaimResource struct {
	// apiVersion of the object.
	// +kubebuilder:validation:MaxLength=253
	APIVersion string `json:"apiVersion"`

	// kind of the object.
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// name of the object.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// namespace of the object; empty for the claim's own.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// id of the template resource that it comes from.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	ID string `json:"id,omitempty"`
}

// ClaimApprovalRecord says who agreed to a claim.
type ClaimApprovalRecord struct {
	// approvers who agreed, sorted.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=256
	// +listType=set
	Approvers []string `json:"approvers"`

	// hash of the claim's spec that was approved.
	// +kubebuilder:validation:MaxLength=64
	Hash string `json:"hash"`

	// at is when it was used.
	At metav1.Time `json:"at"`
}
