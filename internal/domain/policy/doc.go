// Package policy holds what all of governance speaks in: tiers, requests,
// results, and the set of policies that decides on a request.
//
// A policy reaches a verdict in one of three lanes. Native: the API server
// evaluates it (ValidatingAdmissionPolicy, MutatingAdmissionPolicy), and it
// holds while Roadbed is down. Engine: the same CEL evaluated in process, for
// the command line, for the forecast of an effect, for scans and, narrowed, for
// a webhook. Legacy: the interpreter of kyverno.io/v1 policies. Whatever the
// lane, a policy is an Evaluator here, and gives Results.
//
// Invariants:
//   - A decision is a pure function of the request, the policies, the overrides
//     in force and what World lets a policy look up. Nothing here reads a clock,
//     a file or a cluster by itself.
//   - The same policy gives the same verdict in admission, on the command line
//     and in a scan.
//   - A Mandatory policy is never waived.
//   - An error while evaluating is a Result of its own. It never counts as pass.
//
// The data flows one way: kyverno types in api/ -> package load -> Evaluators ->
// Set -> Decision. The formats' packages never import each other.
package policy
