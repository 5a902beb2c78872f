package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PolicyStatus says what became of a policy.
type PolicyStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// routes is how many routes name the policy.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Routes int32 `json:"routes,omitempty"`

	// conditions say what holds: Accepted is True when the policy can be enforced
	// as it is written.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
