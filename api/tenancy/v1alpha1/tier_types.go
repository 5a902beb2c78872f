package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Tier is a risk class: what it means for isolation, Pod Security, quotas,
// limits, network and storage. Tenants name one tier.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=roadbed
// +kubebuilder:printcolumn:name="Rank",type=integer,JSONPath=`.spec.rank`
// +kubebuilder:printcolumn:name="Model",type=string,JSONPath=`.spec.isolation.default`
// +kubebuilder:printcolumn:name="Pod security",type=string,JSONPath=`.spec.podSecurity`
// +kubebuilder:printcolumn:name="Network",type=string,JSONPath=`.spec.network.strictness`
// +kubebuilder:printcolumn:name="Keys",type=string,JSONPath=`.spec.keyCustody`,priority=1
// +kubebuilder:printcolumn:name="Tenants",type=integer,JSONPath=`.status.tenants`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 20",message="metadata.name may have at most 20 characters"
type Tier struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the tier means.
	Spec TierSpec `json:"spec"`
	// status says who uses the tier.
	// +structType=atomic
	// +optional
	Status TierStatus `json:"status,omitempty"`
}

// TierSpec says what a tier means.
type TierSpec struct {
	// displayName is the name people use.
	// +kubebuilder:validation:MaxLength=120
	// +optional
	DisplayName string `json:"displayName,omitempty"`

	// description says which workloads belong here.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Description string `json:"description,omitempty"`

	// rank orders tiers by risk: 1 is the highest.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Rank int32 `json:"rank"`

	// isolation says which isolation models tenants get.
	// +kubebuilder:default={}
	// +optional
	Isolation TierIsolation `json:"isolation,omitempty"`

	// podSecurity is the Pod Security level that namespaces enforce.
	// +kubebuilder:validation:Enum=restricted;baseline
	// +kubebuilder:default=restricted
	// +optional
	PodSecurity string `json:"podSecurity,omitempty"`

	// keyCustody says where encryption keys must live.
	// +kubebuilder:validation:Enum=Software;HSM
	// +kubebuilder:default=Software
	// +optional
	KeyCustody string `json:"keyCustody,omitempty"`

	// quota is what a tenant gets when it names no quota of its own, for all
	// its namespaces together, by quota resource.
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	Quota corev1.ResourceList `json:"quota"`

	// limits are the defaults and bounds of each container.
	Limits LimitDefaults `json:"limits"`

	// network says how strict the tier's network rules are.
	// +kubebuilder:default={}
	// +optional
	Network TierNetwork `json:"network,omitempty"`

	// storageClasses are the classes that tenants may use when they name none.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	StorageClasses []StorageClassQuota `json:"storageClasses,omitempty"`

	// overrides says what a PolicyOverride of a tenant may be. Without it,
	// overrides last 30 days at most and the platform team approves them.
	// +optional
	Overrides *TierOverrides `json:"overrides,omitempty"`
}

// OverrideApprover says who may approve a PolicyOverride of a tenant.
// +kubebuilder:validation:Enum=Platform;BusinessUnit
type OverrideApprover string

// The approvers.
const (
	// ApproverPlatform is the platform team: whoever has the verb approve on
	// policyoverrides.
	ApproverPlatform OverrideApprover = "Platform"
	// ApproverBusinessUnit is the admins of the tenant's business unit and of
	// those above it, as well as the platform team.
	ApproverBusinessUnit OverrideApprover = "BusinessUnit"
)

// TierOverrides says what a PolicyOverride of a tenant may be.
type TierOverrides struct {
	// maxDays is how many days after its creation an override may expire.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=365
	// +kubebuilder:default=30
	// +optional
	MaxDays int32 `json:"maxDays,omitempty"`

	// approver says who may approve.
	// +kubebuilder:default=Platform
	// +optional
	Approver OverrideApprover `json:"approver,omitempty"`
}

// TierIsolation says which isolation models tenants of a tier get.
// +kubebuilder:validation:XValidation:rule="!has(self.default) || !has(self.allowed) || self.default in self.allowed",message="spec.isolation.allowed must contain the default model"
type TierIsolation struct {
	// default is the model of tenants that name none.
	// +kubebuilder:default=Namespace
	// +optional
	Default IsolationModel `json:"default,omitempty"`

	// allowed are the models that tenants may name.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:default={Namespace}
	// +listType=set
	// +optional
	Allowed []IsolationModel `json:"allowed,omitempty"`
}

// NetworkStrictness says what tenants of a tier may open by themselves.
// +kubebuilder:validation:Enum=Strict;Standard;Relaxed
type NetworkStrictness string

// The three degrees of network strictness.
const (
	// NetworkStrict refuses every egress range wider than a /24 (IPv6: /64).
	NetworkStrict NetworkStrictness = "Strict"
	// NetworkStandard refuses every egress range wider than a /8 (IPv6: /32).
	NetworkStandard NetworkStrictness = "Standard"
	// NetworkRelaxed allows any egress range, the whole internet included.
	NetworkRelaxed NetworkStrictness = "Relaxed"
)

// TierNetwork says how strict a tier's network rules are.
type TierNetwork struct {
	// strictness bounds the egress ranges that tenants may declare.
	// +kubebuilder:default=Strict
	// +optional
	Strictness NetworkStrictness `json:"strictness,omitempty"`
}

// TierStatus says who uses a tier.
type TierStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what holds; Ready sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// tenants counts the tenants of the tier.
	// +optional
	Tenants int32 `json:"tenants,omitempty"`
}

// TierList is a list of tiers.
//
// +kubebuilder:object:root=true
type TierList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Tier `json:"items"`
}
