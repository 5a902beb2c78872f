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
//   - The overrides in force are a part of what they waive. Nothing has a
//     parameter: an API server that has just started does not find those of
//     custom kinds, and refuses for half a minute what their policies match; and
//     it stops to watch those of its own kinds for good when the last policy that
//     has one goes.
//   - A policy that only warns refuses nothing, also where it cannot be evaluated.
//   - What cannot be native is named by a Reason, as a whole: no policy is
//     native in part.
//   - Every field that the API server would fill in is filled in here, so that
//     what is there and what is wanted can be compared.
//
// The package is pure. Package operator applies what it returns.
package native
