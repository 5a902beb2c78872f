package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Capability publishes something that a team of the platform provides, as a
// versioned API: from it follow the kind that tenants claim it with, their
// rights to it, its route at the gateway, its documents and its SLO rules.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=roadbed,shortName=cap,path=capabilities
// +kubebuilder:printcolumn:name="Layer",type=string,JSONPath=`.spec.layer`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.owner.team`
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.names.kind`
// +kubebuilder:printcolumn:name="Versions",type=string,JSONPath=`.spec.versions[*].name`
// +kubebuilder:printcolumn:name="Stages",type=string,JSONPath=`.spec.versions[*].stage`
// +kubebuilder:printcolumn:name="Claims",type=integer,JSONPath=`.status.claims`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].status`
// +kubebuilder:printcolumn:name="Route",type=string,JSONPath=`.status.route`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$')",message="metadata.name may have at most 40 characters, small letters, digits and dashes, and begins with a letter"
// +kubebuilder:validation:XValidation:rule="self.metadata.name != 'platform-api'",message="metadata.name must not be platform-api, which is the name of the HTTP API's own account: take another"
type Capability struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is published.
	Spec CapabilitySpec `json:"spec"`
	// status says what became of it.
	// +optional
	Status CapabilityStatus `json:"status,omitempty"`
}

// Layer is where a capability belongs in the platform.
// +kubebuilder:validation:Enum=devex;delivery;runtime;data;observability;security;foundation
type Layer string

// The layers.
const (
	// LayerDevEx is what developers see: portal, templates, environments.
	LayerDevEx Layer = "devex"
	// LayerDelivery brings software to where it runs.
	LayerDelivery Layer = "delivery"
	// LayerRuntime runs it.
	LayerRuntime Layer = "runtime"
	// LayerData keeps data.
	LayerData Layer = "data"
	// LayerObservability shows what happens.
	LayerObservability Layer = "observability"
	// LayerSecurity guards it.
	LayerSecurity Layer = "security"
	// LayerFoundation is what all others stand on.
	LayerFoundation Layer = "foundation"
)

// CapabilitySpec is what a Capability publishes.
// +kubebuilder:validation:XValidation:rule="self.versions.exists_one(v, has(v.storage) && v.storage)",message="spec.versions: exactly one version must have storage: true"
// +kubebuilder:validation:XValidation:rule="self.versions.all(v, !has(v.successor) || self.versions.exists(o, o.name == v.successor))",message="spec.versions: successor must name a version of this capability"
// +kubebuilder:validation:XValidation:rule="self.group == oldSelf.group && self.names.kind == oldSelf.names.kind && self.names.plural == oldSelf.names.plural",message="spec.group, spec.names.kind and spec.names.plural cannot change, because claims are stored under them: publish another capability"
type CapabilitySpec struct {
	// displayName is the name people use.
	// +kubebuilder:validation:MaxLength=120
	// +optional
	DisplayName string `json:"displayName,omitempty"`

	// description says in a sentence or two what one gets.
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description"`

	// documentation is Markdown that the docs page begins with.
	// +kubebuilder:validation:MaxLength=32768
	// +optional
	Documentation string `json:"documentation,omitempty"`

	// layer is where it belongs in the platform.
	Layer Layer `json:"layer"`

	// owner answers for it.
	Owner CapabilityOwner `json:"owner"`

	// roadmapURL shows what comes next.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s]+$`
	// +optional
	RoadmapURL string `json:"roadmapURL,omitempty"`

	// feedbackURL takes what users have to say.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s]+$`
	// +optional
	FeedbackURL string `json:"feedbackURL,omitempty"`

	// dependsOn names the capabilities that this one needs.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=40
	// +listType=set
	// +optional
	DependsOn []string `json:"dependsOn,omitempty"`

	// slos are what it promises. None means none.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	SLOs []CapabilitySLO `json:"slos,omitempty"`

	// price is what one claim costs. None means that it is free.
	// +optional
	Price *Price `json:"price,omitempty"`

	// approval says who must agree before a claim is provisioned.
	// +kubebuilder:default={}
	// +optional
	Approval ApprovalPolicy `json:"approval,omitempty"`

	// names are what the claims' kind is called.
	Names ClaimNames `json:"names"`

	// group is the API group of the claims' kind: one of the organisation's own,
	// or claims.roadbed.dev.
	// +kubebuilder:default="claims.roadbed.dev"
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$`
	// +kubebuilder:validation:XValidation:rule="self == 'claims.roadbed.dev' || !(self.endsWith('.roadbed.dev') || self.endsWith('.k8s.io') || self.endsWith('.kubernetes.io') || self == 'roadbed.dev' || self == 'k8s.io' || self == 'kubernetes.io')",message="spec.group belongs to Kubernetes or Roadbed: take claims.roadbed.dev or a group of your organisation"
	// +optional
	Group string `json:"group,omitempty"`

	// api is the name in paths of the HTTP API, /VERSION/API; the plural name
	// when empty.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	API string `json:"api,omitempty"`

	// gateway says how the HTTP API is guarded.
	// +kubebuilder:default={}
	// +optional
	Gateway CapabilityGateway `json:"gateway,omitempty"`

	// rollout says how a new revision reaches the claims that float.
	// +kubebuilder:default={}
	// +optional
	Rollout Rollout `json:"rollout,omitempty"`

	// revisionHistoryLimit is how many revisions of a version are kept, beside the
	// newest one and those that claims use.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +kubebuilder:default=10
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// versions are what tenants may claim, and what they could once claim: a
	// removed version stays, so that its name is not used again.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	Versions []CapabilityVersion `json:"versions"`
}

// CapabilityOwner answers for a capability.
type CapabilityOwner struct {
	// team that answers for it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Team string `json:"team"`

	// contact is where the team is reached: an address, a channel or a link.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Contact string `json:"contact,omitempty"`
}

// CapabilitySLO is a promise that is measured. Without queries it is about the
// availability of the capability's HTTP API, as the gateway counts it.
// +kubebuilder:validation:XValidation:rule="has(self.errorQuery) == has(self.totalQuery)",message="errorQuery and totalQuery go together: give both, or none for availability at the gateway"
type CapabilitySLO struct {
	// name of the objective.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// objective in percent, such as "99.9".
	// +kubebuilder:validation:MaxLength=9
	// +kubebuilder:validation:Pattern=`^[1-9]?[0-9](\.[0-9]{1,5})?$`
	Objective string `json:"objective"`

	// description says what is promised.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Description string `json:"description,omitempty"`

	// errorQuery counts what went wrong, in PromQL; {{.window}} is the range.
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	ErrorQuery string `json:"errorQuery,omitempty"`

	// totalQuery counts everything, in PromQL; {{.window}} is the range.
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	TotalQuery string `json:"totalQuery,omitempty"`
}

// Price is what one claim costs.
type Price struct {
	// amount, a decimal number such as "12.50".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]+(\.[0-9]{1,6})?$`
	Amount string `json:"amount"`

	// currency is its ISO 4217 code.
	// +kubebuilder:validation:Pattern=`^[A-Z]{3}$`
	// +kubebuilder:validation:MaxLength=3
	Currency string `json:"currency"`

	// per is what it is charged for.
	// +kubebuilder:validation:Enum=Hour;Day;Month;Year;Claim
	// +kubebuilder:default=Month
	// +optional
	Per string `json:"per,omitempty"`

	// factor multiplies the amount for a claim: CEL over self, the claim, that
	// gives a number, such as "double(self.spec.size)".
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Factor string `json:"factor,omitempty"`
}

// ApprovalMode says how many people must agree to a claim.
// +kubebuilder:validation:Enum=Auto;Simple;FourEyes
type ApprovalMode string

// The modes.
const (
	// ApprovalAuto needs nobody.
	ApprovalAuto ApprovalMode = "Auto"
	// ApprovalSimple needs one approver, who is not the requester.
	ApprovalSimple ApprovalMode = "Simple"
	// ApprovalFourEyes needs two approvers, neither of whom is the requester.
	ApprovalFourEyes ApprovalMode = "FourEyes"
)

// ApprovalPolicy says who must agree before a claim is provisioned.
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode == 'Auto' || (has(self.approverGroups) && self.approverGroups.size() > 0)",message="spec.approval.approverGroups must name who may approve, unless the mode is Auto"
type ApprovalPolicy struct {
	// mode says how many people must agree.
	// +kubebuilder:default=Auto
	// +optional
	Mode ApprovalMode `json:"mode,omitempty"`

	// approverGroups are whose members may approve.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	// +optional
	ApproverGroups []string `json:"approverGroups,omitempty"`

	// validFor is how long an approval may be used; 72h when empty.
	// +optional
	ValidFor *metav1.Duration `json:"validFor,omitempty"`
}

// ClaimNames are what the claims' kind is called.
type ClaimNames struct {
	// kind of the claims, such as Database.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z0-9]*$`
	Kind string `json:"kind"`

	// plural name, such as databases.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Plural string `json:"plural"`

	// singular name; the kind in small letters when empty.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Singular string `json:"singular,omitempty"`

	// shortNames for kubectl.
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=20
	// +kubebuilder:validation:items:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	ShortNames []string `json:"shortNames,omitempty"`
}

// CapabilityGateway says how the HTTP API of a capability is guarded.
type CapabilityGateway struct {
	// requests that each tenant may make per unit of time.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +kubebuilder:default=100
	// +optional
	Requests int64 `json:"requests,omitempty"`

	// unit of time.
	// +kubebuilder:validation:Enum=Second;Minute;Hour
	// +kubebuilder:default=Minute
	// +optional
	Unit string `json:"unit,omitempty"`
}

// Rollout says how a new revision reaches the claims that float. Claims of
// tiers that no wave names get it with the last wave.
type Rollout struct {
	// waves in their order; none means all claims at once.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	Waves []RolloutWave `json:"waves,omitempty"`
}

// RolloutWave is the claims of some tiers.
type RolloutWave struct {
	// tiers whose claims get the revision.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=20
	// +listType=set
	Tiers []string `json:"tiers"`

	// after is how long after the revision was made; 0s when empty.
	// +optional
	After *metav1.Duration `json:"after,omitempty"`
}

// CapabilityList is a list of capabilities.
//
// +kubebuilder:object:root=true
type CapabilityList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Capability `json:"items"`
}
