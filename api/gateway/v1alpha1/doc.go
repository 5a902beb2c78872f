// Package v1alpha1 holds what the gateway knows beyond Gateway API's own kinds:
// AuthorizationPolicy, RateLimitPolicy, LifecyclePolicy and Subscription.
//
// A route names the three policies as filters of type ExtensionRef; a policy
// does nothing by itself, and one that several routes name is one policy: its
// budget is shared. AuthorizationPolicy and RateLimitPolicy may also be named
// with the group gateway.envoyproxy.io, which stands for this one.
//
// A Subscription is a tenant's wish for an API key. The key is made once, put
// into a Secret of the tenant, and known to Roadbed by its hash alone.
//
// The package holds types only: no logic, no clients.
//
// +kubebuilder:object:generate=true
// +groupName=gateway.roadbed.dev
package v1alpha1
