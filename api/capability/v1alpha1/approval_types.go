package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClaimApproval lets the claim beside it, exactly as it is now, be provisioned.
// Who approves it is who creates it: admission holds the name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=roadbed,shortName=cla
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.claimRef.kind`
// +kubebuilder:printcolumn:name="Claim",type=string,JSONPath=`.spec.claimRef.name`
// +kubebuilder:printcolumn:name="Approver",type=string,JSONPath=`.spec.approver`
// +kubebuilder:printcolumn:name="Requester",type=string,JSONPath=`.spec.requester`
// +kubebuilder:printcolumn:name="In force",type=string,JSONPath=`.status.conditions[?(@.type=="InForce")].status`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name may have at most 63 characters"
type ClaimApproval struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is approved. It cannot be changed: delete the approval to
	// take it back.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an approval cannot be changed: delete it to take it back, and make another one"
	Spec ClaimApprovalSpec `json:"spec"`

	// status says whether it still counts.
	// +optional
	Status ClaimApprovalStatus `json:"status,omitempty"`
}

// ClaimApprovalStatus says whether an approval still counts.
type ClaimApprovalStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what holds: Recorded, InForce, and Ready, which sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ClaimApprovalSpec is what is approved, and by whom.
type ClaimApprovalSpec struct {
	// claimRef is the claim.
	ClaimRef ClaimReference `json:"claimRef"`

	// hash of the claim's spec: a claim that has changed since is not approved.
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-f]+$`
	Hash string `json:"hash"`

	// verdict says whether the claim may be provisioned. A rejection counts until
	// the claim is changed or the rejection deleted.
	// +kubebuilder:validation:Enum=Approved;Rejected
	// +kubebuilder:default=Approved
	// +optional
	Verdict ApprovalVerdict `json:"verdict,omitempty"`

	// approver is the user who creates the approval. Admission sets it, and
	// refuses any other name.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Approver string `json:"approver,omitempty"`

	// requester is the user whose claim it is, as the claim says. Nobody approves
	// his own claim.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Requester string `json:"requester,omitempty"`

	// reason says why, for auditors.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Reason string `json:"reason,omitempty"`

	// expiresAt is the first moment at which the approval approves nothing any
	// more. What was provisioned before stays.
	ExpiresAt metav1.Time `json:"expiresAt"`
}

// ApprovalVerdict says whether a claim may be provisioned.
type ApprovalVerdict string

// The verdicts.
const (
	// ApprovalApproved lets the claim be provisioned.
	ApprovalApproved ApprovalVerdict = "Approved"
	// ApprovalRejected keeps it from being provisioned, whoever else approves it.
	ApprovalRejected ApprovalVerdict = "Rejected"
)

// ClaimReference names a claim in the namespace of what refers to it.
type ClaimReference struct {
	// apiVersion of the claim, such as claims.roadbed.dev/v1.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	APIVersion string `json:"apiVersion"`

	// kind of the claim, such as Database.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// name of the claim.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// uid of the claim: another claim of the same name is another claim.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
}

// ClaimApprovalList is a list of approvals.
//
// +kubebuilder:object:root=true
type ClaimApprovalList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClaimApproval `json:"items"`
}
