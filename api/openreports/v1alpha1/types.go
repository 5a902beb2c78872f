package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Summary counts results.
type Summary struct {
	// pass counts the rules that are content.
	Pass int `json:"pass"`
	// fail counts the rules that are not.
	Fail int `json:"fail"`
	// warn counts the rules that are not content and not scored.
	Warn int `json:"warn"`
	// error counts the rules that could not be evaluated.
	Error int `json:"error"`
	// skip counts the rules that did not apply, or that an override waives.
	Skip int `json:"skip"`
}

// Result is what one rule of one policy says.
type Result struct {
	// source is who found this.
	Source string `json:"source"`
	// policy is the policy's name, "namespace/name" where it has a namespace.
	Policy string `json:"policy"`
	// rule is the rule's name.
	// +optional
	Rule string `json:"rule,omitempty"`
	// category is copied from the policy.
	// +optional
	Category string `json:"category,omitempty"`
	// severity is critical, high, medium, low or info.
	// +optional
	Severity string `json:"severity,omitempty"`
	// timestamp is when the result became what it is.
	Timestamp metav1.Timestamp `json:"timestamp,omitempty"`
	// result is pass, fail, warn, error or skip.
	Result string `json:"result,omitempty"`
	// scored tells whether the result counts.
	Scored bool `json:"scored,omitempty"`
	// resources are the objects; none means the report's scope.
	// +optional
	Resources []corev1.ObjectReference `json:"resources,omitempty"`
	// resourceSelector selects the objects instead.
	// +optional
	ResourceSelector *metav1.LabelSelector `json:"resourceSelector,omitempty"`
	// message is for people.
	// +optional
	Message string `json:"message,omitempty"`
	// properties say more: tier, lane and override.
	// +optional
	Properties map[string]string `json:"properties,omitempty"`
}

// Limits bound a report.
type Limits struct {
	// maxResults is the most results there are.
	// +optional
	MaxResults int `json:"maxResults"`
	// statusFilter lists the results that are reported.
	// +optional
	StatusFilter []string `json:"statusFilter,omitempty"`
}

// Configuration is a contract between who writes reports and who reads them.
type Configuration struct {
	// limits bound the report.
	Limits Limits `json:"limits"`
}

// Content is what a report says.
type Content struct {
	// source is who found all of this.
	// +optional
	Source string `json:"source"`
	// scope is the object that the report is about.
	// +optional
	Scope *corev1.ObjectReference `json:"scope,omitempty"`
	// scopeSelector selects objects instead.
	// +optional
	ScopeSelector *metav1.LabelSelector `json:"scopeSelector,omitempty"`
	// configuration is a contract with readers.
	// +optional
	Configuration *Configuration `json:"configuration,omitempty"`
	// summary counts the results.
	// +optional
	Summary Summary `json:"summary,omitempty"`
	// results are what each rule says.
	// +optional
	Results []Result `json:"results,omitempty"`
}

// Report is about an object of a namespace.
// +kubebuilder:object:root=true
type Report struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Content `json:",inline"`
}

// ReportList lists reports.
// +kubebuilder:object:root=true
type ReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the reports.
	Items []Report `json:"items"`
}

// ClusterReport is about an object of the cluster.
// +kubebuilder:object:root=true
type ClusterReport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Content `json:",inline"`
}

// ClusterReportList lists cluster reports.
// +kubebuilder:object:root=true
type ClusterReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	// items are the reports.
	Items []ClusterReport `json:"items"`
}
