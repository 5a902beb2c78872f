// Package claim makes claims true: whatever kind a Capability gives them, from
// the moment it does and for as long.
//
// Data flow: a Supervisor watches Capabilities, keeps their revisions and runs an
// Engine for each, with caches of its own that end with it. An engine takes each
// claim through the steps Accepted, Approved, Provisioned and Ready. Objects are
// applied as the capability's account in the claim's namespace (package account),
// repaired when they drift, and deleted when they are no longer wanted. A Preview
// is what applying would do, by the same functions.
//
// Who writes what: this package writes CapabilityRevisions and their status, the
// status of claims, and the roles of accounts in tenants' namespaces; accounts
// write everything a claim consists of, and connection Secrets.
//
// What always holds: an object that is not the claim's is never changed or
// deleted; a claim whose state is as it should be causes no write; what was done
// half when the process died is completed.
package claim
