package v1

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Rule selects objects and does one thing with them: validate, mutate, generate
// or verifyImages.
type Rule struct {
	// name is unique in the policy.
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// context are variables that the rule may use.
	// +optional
	Context []ContextEntry `json:"context,omitempty"`

	// reportProperties are added to results in reports.
	// +optional
	ReportProperties map[string]string `json:"reportProperties,omitempty"`

	// match selects objects.
	Match MatchResources `json:"match"`

	// exclude takes objects out of what match selects.
	// +optional
	Exclude *MatchResources `json:"exclude,omitempty"`

	// imageExtractors find images in kinds that Kyverno does not know, by kind.
	// +optional
	ImageExtractors map[string][]ImageExtractorConfig `json:"imageExtractors,omitempty"`

	// preconditions must hold for the rule to apply: {any: [], all: []}, or a
	// list of conditions as in older policies.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Preconditions *JSON `json:"preconditions,omitempty"`

	// celPreconditions must hold for the rule to apply. For validate.cel only.
	// +optional
	CELPreconditions []admissionregistrationv1.MatchCondition `json:"celPreconditions,omitempty"`

	// mutate changes the object.
	// +optional
	Mutate *Mutation `json:"mutate,omitempty"`

	// validate judges the object.
	// +optional
	Validate *Validation `json:"validate,omitempty"`

	// generate makes other objects. Roadbed reports it as unsupported.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Generate *JSON `json:"generate,omitempty"`

	// verifyImages wants images signed or attested.
	// +optional
	VerifyImages []ImageVerification `json:"verifyImages,omitempty"`

	// skipBackgroundRequests leaves out what Kyverno's own controllers write;
	// true unless it is set.
	// +optional
	SkipBackgroundRequests *bool `json:"skipBackgroundRequests,omitempty"`
}

// MatchResources selects objects and who writes them: any of the filters, or
// all of them, or, as in older policies, one filter without a list around it.
type MatchResources struct {
	// any of these filters.
	// +optional
	Any []ResourceFilter `json:"any,omitempty"`

	// all of these filters.
	// +optional
	All []ResourceFilter `json:"all,omitempty"`

	UserInfo `json:",inline"`

	// resources is the older form.
	// +optional
	Resources ResourceDescription `json:"resources,omitempty"`
}

// ResourceFilter selects objects and who writes them.
type ResourceFilter struct {
	UserInfo `json:",inline"`

	// resources selects objects.
	// +optional
	Resources ResourceDescription `json:"resources,omitempty"`
}

// UserInfo selects who writes.
type UserInfo struct {
	// roles as namespace:name.
	// +optional
	Roles []string `json:"roles,omitempty"`

	// clusterRoles by name.
	// +optional
	ClusterRoles []string `json:"clusterRoles,omitempty"`

	// subjects are users, groups and service accounts.
	// +optional
	Subjects []rbacv1.Subject `json:"subjects,omitempty"`
}

// ResourceDescription selects objects. All its fields must fit; in names,
// namespaces, kinds, annotations and matchLabels, * and ? are wildcards.
type ResourceDescription struct {
	// kinds as Kind, version/Kind, group/version/Kind, each with /subresource.
	// +optional
	Kinds []string `json:"kinds,omitempty"`

	// name is the older form of names.
	// +optional
	Name string `json:"name,omitempty"`

	// names of objects.
	// +optional
	Names []string `json:"names,omitempty"`

	// namespaces of objects.
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`

	// annotations of objects.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// selector by labels of objects.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// namespaceSelector by labels of their namespaces.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// operations are CREATE, UPDATE, DELETE and CONNECT.
	// +kubebuilder:validation:items:Enum=CREATE;CONNECT;UPDATE;DELETE
	// +optional
	Operations []admissionregistrationv1.OperationType `json:"operations,omitempty"`
}

// ImageExtractorConfig says where a kind names images.
type ImageExtractorConfig struct {
	// path to the field or object, with slashes; * stands for every entry.
	Path string `json:"path"`

	// value is the field below path that names the image.
	// +optional
	Value string `json:"value,omitempty"`

	// name under which the images appear, as images.NAME; custom unless it is set.
	// +optional
	Name string `json:"name,omitempty"`

	// key is the field below path that tells images apart.
	// +optional
	Key string `json:"key,omitempty"`

	// jmesPath turns the value into an image reference.
	// +optional
	JMESPath string `json:"jmesPath,omitempty"`
}
