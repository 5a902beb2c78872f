// Package tenancy turns wishes about tenants into isolated places on the
// platform, and keeps them so.
//
// A BusinessUnit owns an envelope and says who may onboard tenants inside it.
// A Tier says what a risk class means. From a Tenant, its Tier and the
// business units above it, Plan makes namespaces with four isolations:
// identity (RBAC), network (NetworkPolicy), compute (ResourceQuota,
// LimitRange) and storage (an allow-list of classes with quotas each).
//
// What always holds:
//   - A decision is a pure function of the objects it is given: Validate,
//     Plan, PlanShared and PlanUnit use no client, clock or logger.
//   - The shares of a tenant's namespaces stay within its quota, the quotas of
//     tenants and child business units within the envelope above them.
//   - Nothing here deletes a namespace or a volume but the offboarding
//     procedure.
//
// Data flow: spec -> Validate -> quota.Reserve on the BusinessUnit's status ->
// Plan -> apply -> gate -> conditions. This package decides; it is pure, but
// for the words it shares. Package operator has the controllers and webhooks,
// estate what they read and write, offboard the procedure that ends a tenant,
// guards and rbac what holds while Roadbed is stopped.
package tenancy
