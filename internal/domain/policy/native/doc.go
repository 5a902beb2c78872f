// Package native turns Kyverno's CEL policies into the admission policies that
// Kubernetes evaluates by itself: what CEL alone can say holds while Roadbed is
// down, and costs no network hop.
//
// A policy becomes one native policy and its binding, and one more of each for
// the workload kinds that autogen adds. What always holds:
//
//   - The tier decides what a failure does: Mandatory and Default deny,
//     Recommended warns and marks the audit event. Whatever the format asked for
//     otherwise does not count.
//   - Nothing reaches the system's namespaces unless the policy's label says so.
//   - A policy that may be waived reads the OverrideLedger, and nothing else is
//     a parameter. A Mandatory policy takes none, so that Static can render it
//     as a file.
//   - What cannot be native is named by a Reason, as a whole: no policy is
//     native in part.
//   - Every field that the API server would fill in is filled in here, so that
//     what is there and what is wanted can be compared.
//
// The package is pure. Package operator applies what it returns.
package native
