package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PolicyOverride asks that policies be waived for some objects until a date.
// It reaches no further than the tenant whose namespace it is in, waives
// nothing before somebody else approves it, and never a Mandatory policy.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=roadbed,shortName=pov
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Requester",type=string,JSONPath=`.spec.requester`
// +kubebuilder:printcolumn:name="Approver",type=string,JSONPath=`.status.grantedBy`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Ticket",type=string,JSONPath=`.spec.ticket`
// +kubebuilder:printcolumn:name="Policies",type=string,JSONPath=`.spec.policies[*].name`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name may have at most 63 characters"
type PolicyOverride struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is asked for. It cannot be changed, because it is what was
	// approved: to ask for something else, make another override.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an override cannot be changed, because it is what was approved: make another one and delete this"
	Spec PolicyOverrideSpec `json:"spec"`
	// status says what became of it.
	// +optional
	Status PolicyOverrideStatus `json:"status,omitempty"`
}

// PolicyOverrideSpec is what an override asks for.
type PolicyOverrideSpec struct {
	// policies are what is to be waived.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Policies []OverriddenPolicy `json:"policies"`

	// podSecurity waives controls of a Pod Security Standard instead of whole
	// rules: it is for the podSecurity rules of a ClusterPolicy or Policy, and
	// waives nothing of other rules. Empty waives the rules as a whole.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	PodSecurity []PodSecurityControl `json:"podSecurity,omitempty"`

	// scope narrows the objects that it is for. Empty means every object in the
	// override's own namespace.
	// +kubebuilder:default={}
	// +optional
	Scope OverrideScope `json:"scope,omitempty"`

	// justification says why, for the approver and for auditors.
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=2048
	Justification string `json:"justification"`

	// ticket names the record of the decision in the organisation's own system,
	// such as CHG-1234.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Ticket string `json:"ticket"`

	// requester is the user who created the override. Admission sets it, and
	// refuses any other name.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Requester string `json:"requester,omitempty"`

	// expiresAt is the first moment at which nothing is waived any more. The
	// tenant's tier says how far away it may be.
	ExpiresAt metav1.Time `json:"expiresAt"`
}

// OverriddenPolicy is a policy, or some rules of one, to be waived.
type OverriddenPolicy struct {
	// name of the policy; "namespace/name" for one that has a namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name"`

	// rules of the policy, all when empty. A rule's name stands for the rules
	// that are generated from it for kinds that make Pods, too. Rules of kinds
	// that do not name them are validations[0], validations[1] and so on.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +listType=set
	// +optional
	Rules []string `json:"rules,omitempty"`
}

// PodSecurityControl is a control of a Pod Security Standard, or a part of one,
// as podSecurity rules exclude them.
type PodSecurityControl struct {
	// controlName is the control's name in the documentation of Kubernetes.
	// +kubebuilder:validation:Enum=Capabilities;"Privileged Containers";"Host Ports";"/proc Mount Type";"Privilege Escalation";"Host Probes / Lifecycle Hooks";"Host Namespaces";"HostPath Volumes";Sysctls;"Volume Types";Seccomp;HostProcess;SELinux;AppArmor;"Running as Non-root";"Running as Non-root user"
	ControlName string `json:"controlName"`

	// images are those of the containers that it is about; * and ? are wildcards.
	// Controls of containers need them, those of Pods have none.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +listType=atomic
	// +optional
	Images []string `json:"images,omitempty"`

	// restrictedField is the one field that may have the values, such as
	// spec.containers[*].securityContext.capabilities.add; without it the whole
	// control is waived.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	RestrictedField string `json:"restrictedField,omitempty"`

	// values that the field may have; * and ? are wildcards.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=128
	// +listType=atomic
	// +optional
	Values []string `json:"values,omitempty"`
}

// OverrideScope narrows the objects that an override is for: an object must
// match each of the lists that is not empty.
type OverrideScope struct {
	// tenants are whose objects it is for. Only an override in the namespace
	// roadbed-system may name any; others are for the tenant they live with.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Tenants []string `json:"tenants,omitempty"`

	// namespaces it is for; of a tenant's override, some of the tenant's. Empty
	// means the override's own, and every place for one in roadbed-system,
	// objects without a namespace included.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`

	// kinds it is for, such as Deployment or Deployment.apps. A policy about
	// Pods looks at the Pods and at what makes them: name both.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:Pattern=`^[A-Z][A-Za-z0-9]*(\.[-a-z0-9.]+)?$`
	// +listType=set
	// +optional
	Kinds []string `json:"kinds,omitempty"`

	// names are patterns of the objects' names: * stands for any characters, ?
	// for one. End the pattern with * where names are generated.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[-a-zA-Z0-9.:_*?]+$`
	// +listType=set
	// +optional
	Names []string `json:"names,omitempty"`
}

// OverrideVerdict is what an approver decided.
// +kubebuilder:validation:Enum=Approved;Rejected;Revoked
type OverrideVerdict string

// The verdicts.
const (
	// VerdictApproved lets the override waive what it names until it expires.
	VerdictApproved OverrideVerdict = "Approved"
	// VerdictRejected ends it before it waived anything.
	VerdictRejected OverrideVerdict = "Rejected"
	// VerdictRevoked ends an approved one early.
	VerdictRevoked OverrideVerdict = "Revoked"
)

// OverrideDecision is an approver's act. It is the one part of the status that
// Roadbed does not write: admission lets approvers set it and nobody else.
type OverrideDecision struct {
	// verdict is what was decided. Approved may become Revoked; Rejected and
	// Revoked are final.
	Verdict OverrideVerdict `json:"verdict"`

	// by is the user who decided. Admission sets it, and refuses any other name.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	By string `json:"by,omitempty"`

	// comment says why, for the requester and for auditors.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Comment string `json:"comment,omitempty"`
}

// OverridePhase sums up what became of an override.
// +kubebuilder:validation:Enum=Pending;Approved;Active;ExpiringSoon;Expired;Rejected;Revoked;Invalid
type OverridePhase string

// The phases.
const (
	// PhasePending waits for an approver.
	PhasePending OverridePhase = "Pending"
	// PhaseApproved is approved and about to be in force.
	PhaseApproved OverridePhase = "Approved"
	// PhaseActive is in force.
	PhaseActive OverridePhase = "Active"
	// PhaseExpiringSoon is in force, and its end is near.
	PhaseExpiringSoon OverridePhase = "ExpiringSoon"
	// PhaseExpired was in force, or waited for an approver, until its end.
	PhaseExpired OverridePhase = "Expired"
	// PhaseRejected was never in force.
	PhaseRejected OverridePhase = "Rejected"
	// PhaseRevoked was ended early.
	PhaseRevoked OverridePhase = "Revoked"
	// PhaseInvalid asks for what cannot be granted; its conditions say why.
	PhaseInvalid OverridePhase = "Invalid"
)

// PolicyOverrideStatus says what became of an override.
type PolicyOverrideStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase sums up.
	// +optional
	Phase OverridePhase `json:"phase,omitempty"`

	// decision is what an approver decided.
	// +optional
	Decision *OverrideDecision `json:"decision,omitempty"`

	// grantedBy is who approved it.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	GrantedBy string `json:"grantedBy,omitempty"`

	// grantedAt is when the grant was put on record. An override is in force only
	// after that.
	// +optional
	GrantedAt *metav1.Time `json:"grantedAt,omitempty"`

	// endedAt is when its end was put on record.
	// +optional
	EndedAt *metav1.Time `json:"endedAt,omitempty"`

	// conditions say what holds; Ready sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// PolicyOverrideList is a list of overrides.
//
// +kubebuilder:object:root=true
type PolicyOverrideList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PolicyOverride `json:"items"`
}
