package v1

import "k8s.io/apimachinery/pkg/types"

// Mutation changes an object by one of patchStrategicMerge, patchesJson6902 and
// foreach.
type Mutation struct {
	// mutateExistingOnPolicyUpdate changes the targets when the policy changes.
	// +optional
	MutateExistingOnPolicyUpdate *bool `json:"mutateExistingOnPolicyUpdate,omitempty"`

	// targets are other, existing objects that are changed in place of the
	// request's.
	// +optional
	Targets []TargetResourceSpec `json:"targets,omitempty"`

	// patchStrategicMerge is laid over the object; keys may be anchors.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	PatchStrategicMerge *JSON `json:"patchStrategicMerge,omitempty"`

	// patchesJson6902 is a JSON Patch, as YAML or JSON text.
	// +optional
	PatchesJSON6902 string `json:"patchesJson6902,omitempty"`

	// foreach changes each element of lists.
	// +optional
	ForEach []ForEachMutation `json:"foreach,omitempty"`
}

// ForEachMutation changes each element of a list.
type ForEachMutation struct {
	// list is a JMESPath expression that gives the list.
	// +optional
	List string `json:"list,omitempty"`

	// order is Ascending, the default but for JSON patches that remove, or
	// Descending.
	// +kubebuilder:validation:Enum=Ascending;Descending
	// +optional
	Order string `json:"order,omitempty"`

	// context are variables, computed for each element.
	// +optional
	Context []ContextEntry `json:"context,omitempty"`

	// preconditions must hold for an element to be changed: {any: [], all: []}.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Preconditions *AnyAllConditions `json:"preconditions,omitempty"`

	// patchStrategicMerge is laid over the whole object.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	PatchStrategicMerge *JSON `json:"patchStrategicMerge,omitempty"`

	// patchesJson6902 is a JSON Patch of the whole object, as text.
	// +optional
	PatchesJSON6902 string `json:"patchesJson6902,omitempty"`

	// foreach changes each element of a list inside the element.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	ForEach []ForEachMutation `json:"foreach,omitempty"`
}

// TargetResourceSpec selects existing objects to be changed.
type TargetResourceSpec struct {
	// apiVersion of the objects.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`

	// kind of the objects.
	// +optional
	Kind string `json:"kind,omitempty"`

	// namespace of the objects; may hold variables and wildcards.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// name of the objects; may hold variables and wildcards.
	// +optional
	Name string `json:"name,omitempty"`

	// uid of the object.
	// +optional
	UID types.UID `json:"uid,omitempty"`

	// selector by labels of the objects.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Selector *JSON `json:"selector,omitempty"`

	// context are variables, computed for each object.
	// +optional
	Context []ContextEntry `json:"context,omitempty"`

	// preconditions must hold for an object to be changed: {any: [], all: []}, or
	// a list of conditions.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Preconditions *JSON `json:"preconditions,omitempty"`
}
