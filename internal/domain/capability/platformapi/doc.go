// Package platformapi serves claims over HTTP: /VERSION/API for every version
// of every Capability that is served, /openapi.json and /docs.
//
// What always holds:
//
//   - A caller reaches the namespaces of its own tenant and no others, and what
//     is not there and what is another's look the same.
//   - Claims are read and written by impersonating the tenant's guarded account
//     for the namespace, never the caller's own user or groups: what a person may
//     do with kubectl opens nothing here, and the other way round.
//   - What lives in a namespace, a workload or a key, makes, reads and changes
//     claims there with nothing set up. To delete them, and for every other
//     namespace of its tenant, the cluster's own roles must let it.
//   - A person, and whoever else comes from outside of the cluster, has the role
//     that the Tenant's access gives him, by name or by a group: viewers read.
//   - Every write is in the trail, with the person or workload that asked for
//     it, before it is made.
//   - What is wrong with a request is said as RFC 9457 has it, unknown fields
//     included. No answer holds what only operators may know.
//   - A request that is repeated with its Idempotency-Key makes one claim, also
//     across restarts: the key and the request's hash are kept with the claim.
//
// The account of a namespace is User(namespace). It exists as a name only, in the
// namespace of the capabilities' accounts, and gets its rights by Rights.
package platformapi
