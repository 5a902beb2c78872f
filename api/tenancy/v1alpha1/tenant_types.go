package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Tenant is a team's place on the platform. From it Roadbed makes namespaces
// with identity (RBAC), network (NetworkPolicy), compute (ResourceQuota,
// LimitRange) and storage isolation, and keeps them so.
//
// Deleting a Tenant never deletes a namespace or a volume; "roadbed tenant
// offboard" is the procedure that does.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=tn,categories=roadbed
// +kubebuilder:printcolumn:name="Tier",type=string,JSONPath=`.spec.tier`
// +kubebuilder:printcolumn:name="Business unit",type=string,JSONPath=`.spec.businessUnit`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.owner`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Model",type=string,JSONPath=`.status.model`,priority=1
// +kubebuilder:printcolumn:name="Jurisdictions",type=string,JSONPath=`.spec.jurisdictions`,priority=1
// +kubebuilder:printcolumn:name="Cost center",type=string,JSONPath=`.spec.costCenter`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 40",message="metadata.name may have at most 40 characters, so that namespace names fit into 63"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be lower-case letters, digits and dashes, and begin with a letter"
// +kubebuilder:validation:XValidation:rule="!self.metadata.name.startsWith('shared-')",message="metadata.name must not begin with shared-: that is for shared namespaces"
type Tenant struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the tenant is.
	Spec TenantSpec `json:"spec"`
	// status is what Roadbed made of it.
	// +structType=atomic
	// +optional
	Status TenantStatus `json:"status,omitempty"`
}

// TenantSpec says what a tenant is.
// +kubebuilder:validation:XValidation:rule="!has(self.namespaces) || self.namespaces.all(n, !has(n.jurisdiction) || n.jurisdiction in self.jurisdictions)",message="spec.namespaces[].jurisdiction must be one of spec.jurisdictions"
type TenantSpec struct {
	// displayName is the name people use.
	// +kubebuilder:validation:MaxLength=120
	// +optional
	DisplayName string `json:"displayName,omitempty"`

	// owner is the team that answers for the tenant.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Owner string `json:"owner"`

	// businessUnit names the BusinessUnit that the tenant belongs to. It cannot change yet.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec.businessUnit cannot change: offboard the tenant and onboard it in the other business unit"
	BusinessUnit string `json:"businessUnit"`

	// tier names the Tier that the tenant belongs to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=20
	Tier string `json:"tier"`

	// jurisdictions are the places where the tenant's data may live. The first
	// one is that of namespaces that name none.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	Jurisdictions []string `json:"jurisdictions"`

	// costCenter is what the tenant's usage is charged to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	CostCenter string `json:"costCenter"`

	// dataClass is the most sensitive data that the tenant handles.
	// +kubebuilder:validation:Enum=Public;Internal;Confidential;Restricted
	// +kubebuilder:default=Internal
	// +optional
	DataClass string `json:"dataClass,omitempty"`

	// model is the isolation model; the tier's default when empty.
	// +optional
	Model IsolationModel `json:"model,omitempty"`

	// namespaces are the tenant's namespaces. None means one, named tenant-NAME.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Namespaces []TenantNamespace `json:"namespaces,omitempty"`

	// access says who may do what in the tenant's namespaces.
	// +kubebuilder:default={}
	// +optional
	Access TenantAccess `json:"access,omitempty"`

	// quota is what all namespaces of the tenant may use together, by quota
	// resource. It is laid over the tier's quota, key by key.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Quota corev1.ResourceList `json:"quota,omitempty"`

	// network opens what the default deny closes.
	// +kubebuilder:default={}
	// +optional
	Network TenantNetwork `json:"network,omitempty"`

	// storageClasses are the classes the tenant's claims may name; the tier's when empty.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	StorageClasses []StorageClassQuota `json:"storageClasses,omitempty"`

	// registries are the image prefixes that pods may use, such as
	// registry.corp.example/payments/. Empty means any.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[^,\s]+$`
	// +listType=set
	// +optional
	Registries []string `json:"registries,omitempty"`

	// lifecycle says where the tenant is between its first and its last day.
	// +kubebuilder:default={}
	// +optional
	Lifecycle TenantLifecycle `json:"lifecycle,omitempty"`
}

// TenantNamespace is one namespace of a tenant.
type TenantNamespace struct {
	// name within the tenant, such as dev or prod: the namespace is tenant-TENANT-NAME.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=15
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// jurisdiction the namespace's data lives in; the tenant's first when empty.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	Jurisdiction string `json:"jurisdiction,omitempty"`

	// quota is this namespace's share of the tenant's quota, by quota
	// resource. What no namespace claims is divided evenly among those that
	// claim nothing of it.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Quota corev1.ResourceList `json:"quota,omitempty"`

	// adopt takes an existing namespace of this name into the tenant instead of
	// making tenant-TENANT-NAME.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Adopt string `json:"adopt,omitempty"`
}

// TenantAccess says who may do what in a tenant's namespaces.
type TenantAccess struct {
	// admins manage everything of the tenant, its own roles, bindings and
	// network policies included.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Admins []Subject `json:"admins,omitempty"`

	// developers deploy and debug workloads.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Developers []Subject `json:"developers,omitempty"`

	// viewers read everything but Secrets.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Viewers []Subject `json:"viewers,omitempty"`
}

// TenantNetwork opens what the default deny closes.
type TenantNetwork struct {
	// ingressFrom lists the tenants that may call this one. The caller must
	// list this tenant in its egressTo.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	IngressFrom []TenantPeer `json:"ingressFrom,omitempty"`

	// egressTo lists the tenants that this one may call. The callee must list
	// this tenant in its ingressFrom.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	EgressTo []TenantPeer `json:"egressTo,omitempty"`

	// egressCIDRs lists the addresses outside the cluster that this tenant may
	// call, as narrow as the tier demands.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	EgressCIDRs []CIDRPeer `json:"egressCIDRs,omitempty"`
}

// TenantPeer is another tenant, and the ports on which it is met.
type TenantPeer struct {
	// tenant is the other tenant's name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Tenant string `json:"tenant"`

	// ports on the called side; none means all.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Ports []NetworkPort `json:"ports,omitempty"`
}

// CIDRPeer is a range of addresses, and the ports on which it is called.
type CIDRPeer struct {
	// cidr is the range, such as 203.0.113.0/24.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=43
	// +kubebuilder:validation:XValidation:rule="isCIDR(self)",message="must be an address range such as 203.0.113.0/24"
	CIDR string `json:"cidr"`

	// ports that may be called; none means all.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Ports []NetworkPort `json:"ports,omitempty"`
}

// NetworkPort is a port of a transport protocol.
type NetworkPort struct {
	// protocol is TCP, UDP or SCTP.
	// +kubebuilder:validation:Enum=TCP;UDP;SCTP
	// +kubebuilder:default=TCP
	// +optional
	Protocol corev1.Protocol `json:"protocol,omitempty"`

	// port number.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
}

// LifecycleState is where a tenant is between its first and its last day.
// +kubebuilder:validation:Enum=Active;Cordoned;Offboarding
type LifecycleState string

// The states of a tenant's life.
const (
	// LifecycleActive is the ordinary state.
	LifecycleActive LifecycleState = "Active"
	// LifecycleCordoned admits no new pod; what runs goes on.
	LifecycleCordoned LifecycleState = "Cordoned"
	// LifecycleOffboarding runs the procedure that ends the tenant: cordon,
	// export, legal-hold check, drain, delete, residue report.
	LifecycleOffboarding LifecycleState = "Offboarding"
)

// TenantLifecycle says where a tenant is between its first and its last day.
// +kubebuilder:validation:XValidation:rule="!has(self.state) || self.state != 'Offboarding' || (has(self.confirm) && self.confirm.size() > 0)",message="spec.lifecycle.confirm must repeat the tenant's name before it is offboarded"
type TenantLifecycle struct {
	// state of the tenant.
	// +kubebuilder:default=Active
	// +optional
	State LifecycleState `json:"state,omitempty"`

	// confirm must repeat the tenant's name before Offboarding begins.
	// +kubebuilder:validation:MaxLength=40
	// +optional
	Confirm string `json:"confirm,omitempty"`

	// legalHold says why the tenant's data must not be deleted; offboarding
	// stops before the drain while it is set.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	LegalHold string `json:"legalHold,omitempty"`
}

// TenantList is a list of tenants.
//
// +kubebuilder:object:root=true
type TenantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Tenant `json:"items"`
}
