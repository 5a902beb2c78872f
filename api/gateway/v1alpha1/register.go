package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the API group and version of the gateway's own kinds.
var GroupVersion = schema.GroupVersion{Group: "gateway.roadbed.dev", Version: "v1alpha1"}

// AliasGroup is a group whose kinds AuthorizationPolicy and RateLimitPolicy, where
// a route names them, stand for those of this package.
const AliasGroup = "gateway.envoyproxy.io"

// The kinds that routes name in filters.
const (
	// KindAuthorizationPolicy is the kind of AuthorizationPolicy.
	KindAuthorizationPolicy = "AuthorizationPolicy"
	// KindRateLimitPolicy is the kind of RateLimitPolicy.
	KindRateLimitPolicy = "RateLimitPolicy"
	// KindLifecyclePolicy is the kind of LifecyclePolicy.
	KindLifecyclePolicy = "LifecyclePolicy"
)

// AddToScheme registers the gateway's own kinds with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&AuthorizationPolicy{}, &AuthorizationPolicyList{},
		&RateLimitPolicy{}, &RateLimitPolicyList{},
		&LifecyclePolicy{}, &LifecyclePolicyList{},
		&Subscription{}, &SubscriptionList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
