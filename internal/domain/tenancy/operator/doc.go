// Package operator makes tenancy true: its controllers bring the cluster to
// what package tenancy decides, and its webhooks tell people at once what the
// controllers would refuse.
//
// Who writes what: the Tenant controller writes what tenancy.Plan returns, the
// tenant's status and its reservation; the BusinessUnit controller what
// tenancy.PlanUnit and tenancy.PlanShared return, the unit's status and its
// reservation in its parent's; the Tier controller the tier's status; the
// bindings controller takes our finalizer from role bindings. The first two
// open and close the gates of the namespaces they make.
//
// What always holds:
//   - A gate is closed, before anything else, when a guardrail is missing,
//     also while the tenant is blocked. What exists of a blocked tenant stays,
//     and is repaired by what it was last brought to; nothing new is applied,
//     and nothing half.
//   - Deleting a Tenant, a kind or Roadbed deletes no namespace: no generated
//     object has an owner reference. The namespaces of a deleted Tenant keep
//     their guardrails and their share of the envelope, until they are gone or
//     a Tenant of the same name in the same business unit takes both over. One
//     in another business unit is refused: it must not come into the data.
//   - A namespace that the spec drops stays as it is, isolated and counted.
//   - A share of an envelope covers old quotas and new until the new ones are
//     in force.
//
// Webhooks advise and may be absent (their failure policy is Ignore): the
// controllers check again, the ledger decides on envelopes, and what must hold
// even while Roadbed is stopped is in the package guards.
package operator
