package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// EvaluationMode says what a policy is evaluated on.
type EvaluationMode string

// The evaluation modes that Roadbed evaluates. Others are accepted and reported
// as unsupported.
const (
	// EvaluationModeKubernetes evaluates Kubernetes objects. The default.
	EvaluationModeKubernetes EvaluationMode = "Kubernetes"
	// EvaluationModeJSON evaluates any JSON document.
	EvaluationModeJSON EvaluationMode = "JSON"
)

// EvaluationConfiguration says when a policy is evaluated.
type EvaluationConfiguration struct {
	// mode is Kubernetes or JSON; Kubernetes unless it is set.
	// +optional
	Mode EvaluationMode `json:"mode,omitempty"`

	// admission switches evaluation of requests.
	// +optional
	Admission *AdmissionConfiguration `json:"admission,omitempty"`

	// background switches evaluation of existing objects.
	// +optional
	Background *BackgroundConfiguration `json:"background,omitempty"`
}

// AdmissionConfiguration switches evaluation of requests.
type AdmissionConfiguration struct {
	// enabled is true unless it is set.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}

// BackgroundConfiguration switches evaluation of existing objects.
type BackgroundConfiguration struct {
	// enabled is true unless it is set.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// interval is how often Kyverno scans. Roadbed scans by watch and does not
	// need it.
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// WebhookConfiguration adjusts the webhook that a policy needs.
type WebhookConfiguration struct {
	// timeoutSeconds is the longest wait, 1 to 30.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=30
	// +optional
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`
}

// PodControllersGenerationConfiguration says for which workload kinds rules
// about Pods are written as well.
type PodControllersGenerationConfiguration struct {
	// enabled is true unless it is set.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// controllers are resource names: daemonsets, deployments, jobs,
	// statefulsets, replicasets, replicationcontrollers, cronjobs. An empty list
	// means none; without a list it is all.
	// +optional
	Controllers []string `json:"controllers,omitempty"`
}

// GenerationConfiguration says whether Kyverno is to write a native policy.
type GenerationConfiguration struct {
	// enabled is false unless it is set. Roadbed decides by itself which policy
	// can be native.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}

// ConditionStatus is how a policy is doing.
type ConditionStatus struct {
	// ready tells whether the policy is in force.
	// +optional
	Ready *bool `json:"ready,omitempty"`

	// conditions say more.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// message is for people.
	// +optional
	Message string `json:"message,omitempty"`
}

// PolicyStatus is the status of every CEL kind.
type PolicyStatus struct {
	// conditionStatus says whether the policy is in force.
	// +optional
	ConditionStatus ConditionStatus `json:"conditionStatus,omitempty"`

	// autogen is what Kyverno wrote for workload kinds. Roadbed keeps it as it is.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Autogen *runtime.RawExtension `json:"autogen,omitempty"`

	// generated tells whether a native policy is in force for this one.
	// +optional
	Generated bool `json:"generated,omitempty"`
}
