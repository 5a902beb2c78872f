package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// IsolationModel says what separates a tenant from its neighbours.
// +kubebuilder:validation:Enum=Namespace;SharedNamespace;VirtualCluster;DedicatedCluster
type IsolationModel string

// The isolation models, from the usual to the strongest.
const (
	// ModelNamespace gives the tenant namespaces of its own. The usual choice.
	ModelNamespace IsolationModel = "Namespace"
	// ModelSharedNamespace puts small tenants of one business unit and tier
	// together in one namespace. For sandboxes.
	ModelSharedNamespace IsolationModel = "SharedNamespace"
	// ModelVirtualCluster gives the tenant a control plane of its own. Not yet
	// available; accepted only behind a feature gate.
	ModelVirtualCluster IsolationModel = "VirtualCluster"
	// ModelDedicatedCluster gives the tenant a cluster of its own. Not yet
	// available; accepted only behind a feature gate.
	ModelDedicatedCluster IsolationModel = "DedicatedCluster"
)

// Subject is a person or a group of people, as the identity provider names them.
type Subject struct {
	// kind is User or Group.
	// +kubebuilder:validation:Enum=User;Group
	// +kubebuilder:default=Group
	// +optional
	Kind string `json:"kind,omitempty"`

	// name is the user's or group's name, exactly as the API server sees it.
	// Names of Kubernetes' own identities ("system:...") are refused.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="names that begin with system: belong to Kubernetes"
	Name string `json:"name"`
}

// LimitDefaults are the limits of each container in a tenant's namespaces.
type LimitDefaults struct {
	// default is the limit of a container that sets none.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	Default corev1.ResourceList `json:"default,omitempty"`

	// defaultRequest is the request of a container that sets none.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	DefaultRequest corev1.ResourceList `json:"defaultRequest,omitempty"`

	// max is the most that one container may ask for.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	Max corev1.ResourceList `json:"max,omitempty"`

	// min is the least that one container must ask for.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	Min corev1.ResourceList `json:"min,omitempty"`
}

// StorageClassQuota allows one storage class and caps its use.
type StorageClassQuota struct {
	// name of the StorageClass.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name"`

	// capacity is the most storage that the tenant's claims of this class may
	// request in all.
	// +optional
	Capacity *resource.Quantity `json:"capacity,omitempty"`

	// claims is the most claims of this class the tenant may hold.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Claims *int64 `json:"claims,omitempty"`
}
