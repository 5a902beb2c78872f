// Package override decides on overrides: which may be granted, which are in
// force, and which request they cover.
//
// An override in force is an entry of the OverrideLedger. The API server's
// policies have the entries that concern them among their Variables, and read them
// by the expression that Clause writes; everybody else asks Waivers. Both say the
// same of the same request:
//
//   - An entry covers a request when its policy, rule, tenant, namespace, kind
//     and name do. A list that is empty does not narrow.
//   - A rule's name stands for the rules that autogen makes of it.
//   - An entry ends at its expiry. A policy in the API server cannot ask for
//     the time, but finds it in what is created or updated; for requests without
//     an object, such as DELETE, the entry's removal is the end.
//
// Invariants: nothing is compiled for a Mandatory policy, for an override that
// nobody approved, that its own requester approved, whose grant is not on the
// trail, or that is over; a tenant's override never reaches beyond the tenant.
//
// The package is pure. Package operator below writes the ledger and the status
// of overrides.
package override
