// Package enforce turns the gateway's own policies, as people write them, into what
// the gateway enforces: AuthorizationPolicy, RateLimitPolicy and LifecyclePolicy.
//
// All functions are pure. What of a policy cannot be enforced is left out so that
// less is allowed, never more, and said.
package enforce
