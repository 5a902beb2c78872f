// Package v1alpha1 holds the tenancy kinds: BusinessUnit, Tier and Tenant.
//
// A BusinessUnit owns an envelope of resources and says who may onboard
// tenants inside it. A Tier carries what a risk class means: Pod Security
// level, quota and limit defaults, network strictness, isolation models.
// A Tenant is a team's place on the platform; the tenancy domain makes its
// namespaces, access, quotas, limits and network rules from it.
//
// All kinds are cluster-scoped. The package holds types only: no logic, no
// clients.
//
// +kubebuilder:object:generate=true
// +groupName=tenancy.roadbed.dev
package v1alpha1
