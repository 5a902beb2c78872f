// Package v1alpha1 holds the kinds of capabilities: Capability, which publishes
// one as a versioned API; CapabilityRevision, which keeps what a version meant
// when a claim was made of it; FeatureFlag, which opens alpha versions to
// tenants; and ClaimApproval, which lets a claim that needs one go ahead.
//
// What tenants claim with are kinds that Roadbed makes from Capabilities, in
// another group. The types here that begin with Claim are the parts that all
// of those kinds have in common.
//
// The package holds types only: no logic, no clients.
//
// +kubebuilder:object:generate=true
// +groupName=capability.roadbed.dev
package v1alpha1
