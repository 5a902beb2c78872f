package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Stage is where a version is in its life.
// +kubebuilder:validation:Enum=alpha;beta;ga;deprecated;removed
type Stage string

// The stages, in their order.
const (
	// StageAlpha may change without notice, and only tenants that have switched
	// its flag on may claim it; not for production.
	StageAlpha Stage = "alpha"
	// StageBeta changes only after a published notice.
	StageBeta Stage = "beta"
	// StageGA keeps its contract.
	StageGA Stage = "ga"
	// StageDeprecated works until its sunset.
	StageDeprecated Stage = "deprecated"
	// StageRemoved works no more; its name is not used again.
	StageRemoved Stage = "removed"
)

// CapabilityVersion is one version of a capability.
// +kubebuilder:validation:XValidation:rule="self.stage != 'alpha' || (has(self.flag) && self.flag.size() > 0)",message="an alpha version needs flag: the FeatureFlag that opens it to tenants"
// +kubebuilder:validation:XValidation:rule="!(self.stage in ['deprecated', 'removed']) || (has(self.deprecated) && has(self.sunset))",message="a deprecated or removed version needs the dates deprecated and sunset"
// +kubebuilder:validation:XValidation:rule="!has(self.deprecated) || !has(self.sunset) || timestamp(self.sunset) > timestamp(self.deprecated)",message="sunset must be after deprecated"
// +kubebuilder:validation:XValidation:rule="!has(self.storage) || !self.storage || self.stage != 'removed'",message="a removed version cannot be the one that is stored: give storage to another version first"
// +kubebuilder:validation:XValidation:rule="!self.name.contains('alpha') || self.stage in ['alpha', 'deprecated', 'removed']",message="a version whose name says alpha cannot be beta or ga: publish it under the next name"
// +kubebuilder:validation:XValidation:rule="!self.name.contains('beta') || self.stage in ['beta', 'deprecated', 'removed']",message="a version whose name says beta cannot be alpha or ga: publish it under another name"
// +kubebuilder:validation:XValidation:rule="!has(self.successor) || self.successor != self.name",message="successor must be another version"
type CapabilityVersion struct {
	// name of the version, as in v1alpha1, v1beta2 or v1.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?$`
	Name string `json:"name"`

	// stage is where the version is in its life: alpha, beta, ga, deprecated,
	// removed.
	Stage Stage `json:"stage"`

	// served says whether the API server and the gateway serve it; true when
	// empty. A removed version is never served.
	// +kubebuilder:default=true
	// +optional
	Served *bool `json:"served,omitempty"`

	// storage marks the version in which claims are stored. Exactly one is.
	// +optional
	Storage bool `json:"storage,omitempty"`

	// flag names the FeatureFlag that opens an alpha version to tenants.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Flag string `json:"flag,omitempty"`

	// notice announces a breaking change of a beta version.
	// +optional
	Notice *ReleaseNotice `json:"notice,omitempty"`

	// deprecated is when the version was or will be deprecated.
	// +optional
	Deprecated *metav1.Time `json:"deprecated,omitempty"`

	// sunset is when it may be removed: for a version that was ga, 365 days
	// after deprecated at the soonest.
	// +optional
	Sunset *metav1.Time `json:"sunset,omitempty"`

	// successor names the version to use instead.
	// +kubebuilder:validation:MaxLength=20
	// +optional
	Successor string `json:"successor,omitempty"`

	// schema is what a claim looks like. Only a removed version may go without.
	Schema ClaimSchema `json:"schema"`

	// connection says what a claim's connection Secret holds.
	// +kubebuilder:default={}
	// +optional
	Connection Connection `json:"connection,omitempty"`

	// provisioner makes what is claimed.
	Provisioner Provisioner `json:"provisioner"`

	// conversions say how claims of other versions become claims of this one,
	// beyond what both versions have alike.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=from
	// +optional
	Conversions []Conversion `json:"conversions,omitempty"`
}

// ReleaseNotice announces a breaking change.
type ReleaseNotice struct {
	// message says what will change, for those who use the version.
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message"`

	// url leads to more.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s]+$`
	// +optional
	URL string `json:"url,omitempty"`

	// published is when the notice was published. One notice announces one
	// change: it must be newer than the contract it breaks.
	Published metav1.Time `json:"published"`
}

// ClaimSchema is what a claim looks like.
type ClaimSchema struct {
	// spec is the OpenAPI v3 schema, of type object, of what tenants write. Each
	// claim has the field "platform" besides, which a schema may not define.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec runtime.RawExtension `json:"spec"`

	// status is the schema, of type object, of what a claim's status says beyond
	// what all have.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Status *runtime.RawExtension `json:"status,omitempty"`

	// columns are what "kubectl get" prints besides name, Ready and age.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Columns []PrintColumn `json:"columns,omitempty"`
}

// PrintColumn is a column of kubectl's output.
type PrintColumn struct {
	// name of the column.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// path to the value, such as .spec.size.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^\.(spec|status)\..+$`
	Path string `json:"path"`

	// type of the value.
	// +kubebuilder:validation:Enum=string;integer;number;boolean;date
	// +kubebuilder:default=string
	// +optional
	Type string `json:"type,omitempty"`
}

// Connection says what a claim's connection Secret holds.
type Connection struct {
	// secretKeys are the keys of the Secret; none means that there is no Secret.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[-._a-zA-Z0-9]+$`
	// +listType=set
	// +optional
	SecretKeys []string `json:"secretKeys,omitempty"`
}

// Conversion says how claims of another version become claims of this one.
// What both versions have at the same place with the same type is taken over
// unasked; what this version lacks is kept in an annotation and comes back.
type Conversion struct {
	// from is the version of the claim that is converted.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=20
	From string `json:"from"`

	// rules set fields of the result, in their order.
	// +kubebuilder:validation:MaxItems=128
	// +listType=map
	// +listMapKey=field
	// +optional
	Rules []ConversionRule `json:"rules,omitempty"`
}

// ConversionRule sets one field of a converted claim, by expression, default, or
// both.
type ConversionRule struct {
	// field that is set, such as spec.storage.size. It begins with spec or
	// status.
	// +kubebuilder:validation:MinLength=6
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^(spec|status)(\.[A-Za-z_][A-Za-z0-9_]*)+$`
	Field string `json:"field"`

	// expression is CEL over self, the claim as it was; its value is set. When it
	// reads a field that self does not have, the default is set.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Expression string `json:"expression,omitempty"`

	// default is the value where there is no expression, or it has nothing to read.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Default *runtime.RawExtension `json:"default,omitempty"`
}
