package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CapabilityStatus is what Roadbed made of a Capability.
type CapabilityStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say what holds; Ready sums up.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// crd names the CustomResourceDefinition of the claims.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	CRD string `json:"crd,omitempty"`

	// route is the HTTPRoute's namespace and name, with a slash between them.
	// +kubebuilder:validation:MaxLength=317
	// +optional
	Route string `json:"route,omitempty"`

	// documents is the namespace and name, with a slash between them, of the
	// ConfigMap with the OpenAPI document, the docs page and the SLO rules.
	// +kubebuilder:validation:MaxLength=317
	// +optional
	Documents string `json:"documents,omitempty"`

	// claims counts the claims of all versions.
	// +optional
	Claims int32 `json:"claims,omitempty"`

	// versions are what became of the versions.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Versions []CapabilityVersionStatus `json:"versions,omitempty"`
}

// CapabilityVersionStatus is what became of a version.
type CapabilityVersionStatus struct {
	// name of the version.
	// +kubebuilder:validation:MaxLength=20
	Name string `json:"name"`

	// stage that the version is in.
	Stage Stage `json:"stage"`

	// since is when it came to that stage.
	Since metav1.Time `json:"since"`

	// wasGA is true once the version was ga: its contract binds from then on.
	// +optional
	WasGA bool `json:"wasGA,omitempty"`

	// contract is the hash of the schemas in force.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Contract string `json:"contract,omitempty"`

	// contractSince is when that contract came into force.
	ContractSince metav1.Time `json:"contractSince"`

	// revision names the CapabilityRevision that floating claims get.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Revision string `json:"revision,omitempty"`

	// path of the version in the HTTP API, such as /v1/databases.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Path string `json:"path,omitempty"`

	// claims counts the claims of this version.
	// +optional
	Claims int32 `json:"claims,omitempty"`

	// consumers counts who used the version in the last 90 days.
	// +optional
	Consumers int32 `json:"consumers,omitempty"`
}
