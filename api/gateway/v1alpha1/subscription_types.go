package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Subscription is a tenant's wish for an API key. The key is made once and put
// into a Secret beside the Subscription; Roadbed keeps its hash alone, so that a
// lost key cannot be read again, only replaced.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=roadbed,shortName=apisub
// +kubebuilder:printcolumn:name="APIs",type=string,JSONPath=`.spec.apis`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secret`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name may have at most 63 characters"
type Subscription struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the key is for.
	// +kubebuilder:default={}
	// +optional
	Spec SubscriptionSpec `json:"spec,omitempty"`
	// status says where the key is.
	// +optional
	Status SubscriptionStatus `json:"status,omitempty"`
}

// SubscriptionSpec says what a key is for.
type SubscriptionSpec struct {
	// apis the key is good for, by the names in LifecyclePolicies; all when empty.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	APIs []string `json:"apis,omitempty"`

	// expiresAt is the first moment at which the key is refused; never when absent.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// serial counts keys: raise it to get another one. The old key is good for
	// overlap more.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +kubebuilder:validation:XValidation:rule="self >= oldSelf",message="spec.serial can only be raised"
	// +kubebuilder:default=1
	// +optional
	Serial int64 `json:"serial,omitempty"`

	// overlap is how long the old key is taken after another one was made.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s)){1,3}$`
	// +kubebuilder:default="1h"
	// +optional
	Overlap *metav1.Duration `json:"overlap,omitempty"`

	// secretName is the Secret that the key is put into, under the key api-key;
	// the Subscription's name with -api-key behind it when absent. A Secret of that
	// name that is not this Subscription's own is left alone.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec.secretName cannot be changed: make another Subscription"
	// +optional
	SecretName string `json:"secretName,omitempty"`
}

// SubscriptionStatus says where the key is.
type SubscriptionStatus struct {
	// observedGeneration is the generation that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// secret is the name of the Secret that has the key.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Secret string `json:"secret,omitempty"`

	// keys are those that are taken, the newest first.
	// +kubebuilder:validation:MaxItems=2
	// +listType=atomic
	// +optional
	Keys []SubscriptionKey `json:"keys,omitempty"`

	// conditions say what holds; Ready sums up.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// SubscriptionKey is what Roadbed knows of a key.
type SubscriptionKey struct {
	// serial is which one it is.
	Serial int64 `json:"serial"`

	// hash is the SHA-256 of the key, in lower-case hexadecimal digits.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	// +kubebuilder:validation:MaxLength=64
	Hash string `json:"hash"`

	// expiresAt is the first moment at which the key is refused; never when absent.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// SubscriptionList is a list of subscriptions.
//
// +kubebuilder:object:root=true
type SubscriptionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Subscription `json:"items"`
}
