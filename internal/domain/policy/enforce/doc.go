// Package enforce puts policies in force: it turns the policies of the cluster
// into native ones, keeps those as they must be, and tells in each policy's
// status who enforces it.
//
// Data flow: a policy -> compiled by package engine -> package native, with the
// overrides in force that the ledger has of it -> native policies and bindings in
// the cluster -> the policy's conditions.
//
// What always holds:
//   - A policy that does not compile changes nothing: what was in force for it
//     before stays in force.
//   - A native object is brought back as a whole when somebody changes it: what
//     somebody adds is taken out, too, because a condition added to a policy can
//     switch it off.
//   - A native object has no owner reference, so that it stays in force when
//     Roadbed, its kinds or Kyverno's are removed. It goes when its policy was
//     deleted while the policy's kind is still served.
//   - Beside a Kyverno that enforces, nothing is in force for policies of its
//     kinds, and their status says so. The platform's own Mandatory policies
//     are no policy objects, and hold in any case.
//   - Every write is on the trail before it is made.
//
// Webhooks tell people at once, with the field's path, what the controllers
// would find a moment later. They advise, and may be absent.
package enforce
