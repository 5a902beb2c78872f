package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RateLimitPolicy bounds how many requests callers may make. The budget belongs to
// the policy: all routes and listeners that name it share it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=roadbed,shortName=rlp
// +kubebuilder:printcolumn:name="Requests",type=integer,JSONPath=`.spec.requests`
// +kubebuilder:printcolumn:name="Unit",type=string,JSONPath=`.spec.unit`
// +kubebuilder:printcolumn:name="Scope",type=string,JSONPath=`.spec.scope`
// +kubebuilder:printcolumn:name="Routes",type=integer,JSONPath=`.status.routes`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RateLimitPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the limit.
	Spec RateLimitPolicySpec `json:"spec"`
	// status says whether it can be enforced.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// LimitUnit is a span of time.
// +kubebuilder:validation:Enum=Second;Minute;Hour;Day
type LimitUnit string

// The units of limits.
const (
	// UnitSecond is a second.
	UnitSecond LimitUnit = "Second"
	// UnitMinute is a minute.
	UnitMinute LimitUnit = "Minute"
	// UnitHour is an hour.
	UnitHour LimitUnit = "Hour"
	// UnitDay is 24 hours.
	UnitDay LimitUnit = "Day"
)

// RateLimitPolicySpec is requests per unit for each that scope tells apart.
//
// +kubebuilder:validation:XValidation:rule="self.scope == 'Claim' ? has(self.claim) : !has(self.claim)",message="spec.claim is for scope Claim, which needs it"
type RateLimitPolicySpec struct {
	// requests per unit.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	Requests int64 `json:"requests"`

	// unit is the span of time that requests counts for.
	// +kubebuilder:default=Minute
	// +optional
	Unit LimitUnit `json:"unit,omitempty"`

	// burst is how many requests may come at once; as many as requests when 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	// +optional
	Burst int64 `json:"burst,omitempty"`

	// scope is what has a budget of its own: each tenant, client (service account,
	// person, API key or certificate), value of a claim or business unit; or
	// Gateway for one budget of all. Callers without an identity are told apart by
	// their address, IPv6 by its /64; known callers without what scope asks for share
	// one budget.
	// +kubebuilder:validation:Enum=Tenant;Client;Claim;BusinessUnit;Gateway
	// +kubebuilder:default=Tenant
	// +optional
	Scope string `json:"scope,omitempty"`

	// claim is the path of the token's claim, its elements separated by dots, for
	// scope Claim.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Claim string `json:"claim,omitempty"`

	// overrides give single tenants another number of requests.
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=tenant
	// +optional
	Overrides []LimitOverride `json:"overrides,omitempty"`

	// failureMode is what happens while the gateways cannot agree on what is used:
	// Local goes on with this process's share, Open lets all requests pass, Closed
	// refuses all with 503.
	// +kubebuilder:validation:Enum=Local;Open;Closed
	// +kubebuilder:default=Local
	// +optional
	FailureMode string `json:"failureMode,omitempty"`
}

// LimitOverride is another limit for one tenant.
type LimitOverride struct {
	// tenant whose limit it is.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Tenant string `json:"tenant"`

	// requests per unit.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	Requests int64 `json:"requests"`
}

// RateLimitPolicyList is a list of rate limit policies.
//
// +kubebuilder:object:root=true
type RateLimitPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RateLimitPolicy `json:"items"`
}
