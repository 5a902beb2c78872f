package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BusinessUnit is a part of the organisation that onboards tenants by itself:
// its admins create and change tenants inside its envelope, jurisdictions,
// tiers and cost centres, with no platform admin in between. Business units
// form a tree; a child's envelope is reserved from its parent's.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=bu,categories=roadbed
// +kubebuilder:printcolumn:name="Parent",type=string,JSONPath=`.spec.parent`
// +kubebuilder:printcolumn:name="Tenants",type=integer,JSONPath=`.status.tenants`
// +kubebuilder:printcolumn:name="CPU reserved",type=string,JSONPath=`.status.reserved.requests\.cpu`
// +kubebuilder:printcolumn:name="CPU envelope",type=string,JSONPath=`.spec.envelope.requests\.cpu`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 40",message="metadata.name may have at most 40 characters"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.parent) || self.spec.parent != self.metadata.name",message="spec.parent must not name the business unit itself"
type BusinessUnit struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the business unit may do.
	Spec BusinessUnitSpec `json:"spec"`
	// status is what it has reserved, as Roadbed last saw it.
	// +structType=atomic
	// +optional
	Status BusinessUnitStatus `json:"status,omitempty"`
}

// BusinessUnitSpec says what a business unit may do.
type BusinessUnitSpec struct {
	// displayName is the name people use.
	// +kubebuilder:validation:MaxLength=120
	// +optional
	DisplayName string `json:"displayName,omitempty"`

	// parent names the business unit this one belongs to. It cannot change.
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec.parent cannot change: create the business unit anew under its new parent"
	// +optional
	Parent string `json:"parent,omitempty"`

	// admins may create and change tenants of this business unit and of those below it.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Admins []Subject `json:"admins,omitempty"`

	// jurisdictions are the places where the business unit's tenants may keep data,
	// such as uk or eu. A child's must be among its parent's.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	Jurisdictions []string `json:"jurisdictions"`

	// tiers are the tiers that the business unit's tenants may use; empty means any.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Tiers []string `json:"tiers,omitempty"`

	// costCenters are the cost centres that tenants may name; empty means any.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	CostCenters []string `json:"costCenters,omitempty"`

	// envelope is the most that the quotas of all tenants and child business
	// units may add up to, by quota resource (requests.cpu, pods, ...). A
	// resource that is not named is not limited here.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Envelope corev1.ResourceList `json:"envelope,omitempty"`
}

// BusinessUnitStatus says what a business unit has reserved.
type BusinessUnitStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what holds; Ready sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// tenants counts the tenants of this business unit itself.
	// +optional
	Tenants int32 `json:"tenants,omitempty"`

	// reserved is the sum of the reservations.
	// +mapType=atomic
	// +optional
	Reserved corev1.ResourceList `json:"reserved,omitempty"`

	// reservations are the shares of the envelope that tenants and child
	// business units hold. They are written by compare-and-swap.
	// +kubebuilder:validation:MaxItems=2000
	// +listType=atomic
	// +optional
	Reservations []Reservation `json:"reservations,omitempty"`
}

// Reservation is one holder's share of an envelope.
type Reservation struct {
	// kind is Tenant or BusinessUnit.
	// +kubebuilder:validation:Enum=Tenant;BusinessUnit
	Kind string `json:"kind"`
	// name of the holder.
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// uid of the holder, so that a namesake is never taken for it.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	UID string `json:"uid,omitempty"`
	// quota is what the holder has reserved.
	Quota corev1.ResourceList `json:"quota"`
}

// BusinessUnitList is a list of business units.
//
// +kubebuilder:object:root=true
type BusinessUnitList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BusinessUnit `json:"items"`
}
