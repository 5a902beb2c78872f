package v1alpha2

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
)

// Content is what a report says.
type Content struct {
	// scope is the object that the report is about.
	// +optional
	Scope *corev1.ObjectReference `json:"scope,omitempty"`
	// scopeSelector selects objects instead.
	// +optional
	ScopeSelector *metav1.LabelSelector `json:"scopeSelector,omitempty"`
	// summary counts the results.
	// +optional
	Summary openreportsv1alpha1.Summary `json:"summary,omitempty"`
	// results are what each rule says.
	// +optional
	Results []openreportsv1alpha1.Result `json:"results,omitempty"`
}

// PolicyReport is about an object of a namespace.
// +kubebuilder:object:root=true
type PolicyReport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Content `json:",inline"`
}

// PolicyReportList lists policy reports.
// +kubebuilder:object:root=true
type PolicyReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the reports.
	Items []PolicyReport `json:"items"`
}

// ClusterPolicyReport is about an object of the cluster.
// +kubebuilder:object:root=true
type ClusterPolicyReport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Content `json:",inline"`
}

// ClusterPolicyReportList lists cluster policy reports.
// +kubebuilder:object:root=true
type ClusterPolicyReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the reports.
	Items []ClusterPolicyReport `json:"items"`
}
