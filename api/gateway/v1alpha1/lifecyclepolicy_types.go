package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LifecyclePolicy says where the version of an API stands, and what its callers
// are told with each answer.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=roadbed,shortName=lcp
// +kubebuilder:printcolumn:name="API",type=string,JSONPath=`.spec.api`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.spec.version`
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=`.spec.stage`
// +kubebuilder:printcolumn:name="Sunset",type=string,JSONPath=`.spec.sunset`
// +kubebuilder:printcolumn:name="Routes",type=integer,JSONPath=`.status.routes`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LifecyclePolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is where the version stands.
	Spec LifecyclePolicySpec `json:"spec"`
	// status says whether it can be enforced.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// LifecyclePolicySpec is where a version stands.
//
// +kubebuilder:validation:XValidation:rule="self.stage != 'alpha' || has(self.flag)",message="an alpha version needs the flag that tenants switch on: set spec.flag"
// +kubebuilder:validation:XValidation:rule="self.stage == 'deprecated' ? has(self.deprecated) : !has(self.sunset)",message="a deprecated version needs spec.deprecated, and only a deprecated one has spec.sunset"
// +kubebuilder:validation:XValidation:rule="!has(self.sunset) || !has(self.deprecated) || self.sunset > self.deprecated",message="spec.sunset must be later than spec.deprecated"
type LifecyclePolicySpec struct {
	// api is the API's name as paths and Subscriptions have it, such as databases.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	API string `json:"api"`

	// version is the version as paths have it, such as v1.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?$`
	Version string `json:"version"`

	// stage is where the version stands.
	// +kubebuilder:validation:Enum=alpha;beta;ga;deprecated
	Stage string `json:"stage"`

	// flag is the FeatureFlag that a tenant must have switched on to reach the
	// version; to others it answers 404.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Flag string `json:"flag,omitempty"`

	// deprecated is since when the version is deprecated. Answers carry it in the
	// header Deprecation (RFC 9745).
	// +optional
	Deprecated *metav1.Time `json:"deprecated,omitempty"`

	// sunset is when the version will go. Answers carry it in the header Sunset
	// (RFC 8594).
	// +optional
	Sunset *metav1.Time `json:"sunset,omitempty"`

	// successor is the URL or path of what to call instead. Answers carry it in the
	// header Link as successor-version.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(https?://|/)[^\s<>"]*$`
	// +optional
	Successor string `json:"successor,omitempty"`

	// documentation is the URL or path of what explains the deprecation. Answers
	// carry it in the header Link as deprecation.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(https?://|/)[^\s<>"]*$`
	// +optional
	Documentation string `json:"documentation,omitempty"`
}

// LifecyclePolicyList is a list of life-cycle policies.
//
// +kubebuilder:object:root=true
type LifecyclePolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LifecyclePolicy `json:"items"`
}
