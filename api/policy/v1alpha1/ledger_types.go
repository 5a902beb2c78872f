package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// LedgerName is the name of the one OverrideLedger.
const LedgerName = "overrides"

// OverrideLedger is the overrides in force, compiled: Roadbed writes those that
// concern a policy into the admission policies that it makes of it, judges by them
// itself, and holds requests for overrides to the terms. The one named overrides
// always exists, and Roadbed alone writes it. Those named overrides-000 to
// overrides-127 are of earlier versions, and deleted.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=roadbed
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^overrides(-[0-9]{3})?$')",message="ledgers are named overrides, and overrides-000 to overrides-127"
type OverrideLedger struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is in force.
	Spec OverrideLedgerSpec `json:"spec"`
}

// OverrideLedgerSpec is what is in force. Every field is always there, because
// the expressions of the guards that read it do not ask.
type OverrideLedgerSpec struct {
	// policies holds the waivers in force by the name of the policy.
	// +kubebuilder:validation:MaxProperties=1024
	Policies map[string]Waivers `json:"policies"`

	// mandatory names the policies that no override may name.
	// +kubebuilder:validation:MaxItems=2048
	// +kubebuilder:validation:items:MaxLength=317
	// +listType=set
	Mandatory []string `json:"mandatory"`

	// terms says, by the tier of a tenant, what an override may be. The key "*"
	// is for all others.
	// +kubebuilder:validation:MaxProperties=128
	Terms map[string]tenancyv1alpha1.TierOverrides `json:"terms"`
}

// Waivers are the waivers of one policy.
// +kubebuilder:validation:MaxItems=512
// +listType=atomic
type Waivers []Waiver

// Waiver is an override in force, as far as one policy is concerned.
type Waiver struct {
	// override is the override's namespace and name, with a slash between them.
	// +kubebuilder:validation:MaxLength=127
	Override string `json:"override"`

	// rules are the rules that are waived; none means all.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=128
	// +listType=atomic
	Rules []string `json:"rules"`

	// podSecurity are the controls of podSecurity rules that are waived; none
	// means that the rules are. The API server's own policies know no such rules.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	PodSecurity []PodSecurityControl `json:"podSecurity,omitempty"`

	// tenants it is for; none means any, and objects of no tenant.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=atomic
	Tenants []string `json:"tenants"`

	// namespaces it is for; none means any, and objects of the cluster.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=atomic
	Namespaces []string `json:"namespaces"`

	// kinds it is for, with or without the group; none means any.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=128
	// +listType=atomic
	Kinds []string `json:"kinds"`

	// names is an anchored regular expression that an object's name must match;
	// empty means any name.
	// +kubebuilder:validation:MaxLength=8192
	Names string `json:"names"`

	// expiresAt is the first moment at which it waives nothing any more.
	ExpiresAt metav1.Time `json:"expiresAt"`
}

// OverrideLedgerList is a list of ledgers.
//
// +kubebuilder:object:root=true
type OverrideLedgerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []OverrideLedger `json:"items"`
}
