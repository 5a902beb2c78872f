package v1

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// Validation judges an object by one of pattern, anyPattern, deny, foreach,
// podSecurity, cel, manifests and assert.
type Validation struct {
	// failureAction is Audit, the default, or Enforce.
	// +optional
	FailureAction *FailureAction `json:"failureAction,omitempty"`

	// failureActionOverrides are other actions for some namespaces.
	// +optional
	FailureActionOverrides []FailureActionOverride `json:"failureActionOverrides,omitempty"`

	// allowExistingViolations lets objects be updated that violated the rule
	// before; true unless it is set.
	// +optional
	AllowExistingViolations *bool `json:"allowExistingViolations,omitempty"`

	// message of a failure; may hold variables.
	// +optional
	Message string `json:"message,omitempty"`

	// manifests wants the object's own manifest signed. Roadbed reports it as
	// unsupported.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Manifests *JSON `json:"manifests,omitempty"`

	// foreach judges each element of lists.
	// +optional
	ForEach []ForEachValidation `json:"foreach,omitempty"`

	// pattern is what the object must look like.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Pattern *JSON `json:"pattern,omitempty"`

	// anyPattern is a list of patterns of which one must fit.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	AnyPattern *JSON `json:"anyPattern,omitempty"`

	// deny refuses when its conditions hold.
	// +optional
	Deny *Deny `json:"deny,omitempty"`

	// podSecurity holds Pods to a Pod Security Standard.
	// +optional
	PodSecurity *PodSecurity `json:"podSecurity,omitempty"`

	// cel judges by CEL expressions.
	// +optional
	CEL *CEL `json:"cel,omitempty"`

	// assert is an assertion tree of kyverno-json.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Assert *JSON `json:"assert,omitempty"`
}

// Deny refuses when its conditions hold.
type Deny struct {
	// conditions are {any: [], all: []}, or a list of conditions as in older
	// policies. Without any, the rule always refuses.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Conditions *JSON `json:"conditions,omitempty"`
}

// ForEachValidation judges each element of a list.
type ForEachValidation struct {
	// list is a JMESPath expression that gives the list.
	// +optional
	List string `json:"list,omitempty"`

	// elementScope judges the element; false judges the whole object. True
	// unless it is set.
	// +optional
	ElementScope *bool `json:"elementScope,omitempty"`

	// context are variables, computed for each element.
	// +optional
	Context []ContextEntry `json:"context,omitempty"`

	// preconditions must hold for an element to be judged: {any: [], all: []}.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Preconditions *AnyAllConditions `json:"preconditions,omitempty"`

	// pattern is what the element must look like.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Pattern *JSON `json:"pattern,omitempty"`

	// anyPattern is a list of patterns of which one must fit.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	AnyPattern *JSON `json:"anyPattern,omitempty"`

	// deny refuses when its conditions hold.
	// +optional
	Deny *Deny `json:"deny,omitempty"`

	// foreach judges each element of a list inside the element.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	ForEach []ForEachValidation `json:"foreach,omitempty"`
}

// PodSecurity holds Pods to a Pod Security Standard.
type PodSecurity struct {
	// level is privileged, baseline or restricted.
	// +kubebuilder:validation:Enum=privileged;baseline;restricted
	// +optional
	Level string `json:"level,omitempty"`

	// version is latest, the default, or such as v1.30.
	// +optional
	Version string `json:"version,omitempty"`

	// exclude leaves controls out.
	// +optional
	Exclude []PodSecurityStandard `json:"exclude,omitempty"`
}

// PodSecurityStandard leaves a control of the standard out.
type PodSecurityStandard struct {
	// controlName such as Capabilities, Seccomp or Volume Types.
	ControlName string `json:"controlName"`

	// images limits the exclusion to containers of these images; * and ? are
	// wildcards. Controls of containers need it, those of Pods have none.
	// +optional
	Images []string `json:"images,omitempty"`

	// restrictedField limits the exclusion to one field.
	// +optional
	RestrictedField string `json:"restrictedField,omitempty"`

	// values of the field that are allowed.
	// +optional
	Values []string `json:"values,omitempty"`
}

// CEL judges by CEL expressions, as ValidatingAdmissionPolicy does.
type CEL struct {
	// generate asks Kyverno for a native policy.
	// +optional
	Generate *bool `json:"generate,omitempty"`

	// expressions must be true.
	// +optional
	Expressions []admissionregistrationv1.Validation `json:"expressions,omitempty"`

	// paramKind is the kind of the parameters.
	// +optional
	ParamKind *admissionregistrationv1.ParamKind `json:"paramKind,omitempty"`

	// paramRef selects the parameters.
	// +optional
	ParamRef *admissionregistrationv1.ParamRef `json:"paramRef,omitempty"`

	// auditAnnotations are added to the audit event of the request.
	// +optional
	AuditAnnotations []admissionregistrationv1.AuditAnnotation `json:"auditAnnotations,omitempty"`

	// variables are named expressions that later ones may use as variables.NAME.
	// +optional
	Variables []admissionregistrationv1.Variable `json:"variables,omitempty"`
}
