// Package legacy interprets kyverno.io/v1 policies, ClusterPolicy and Policy: it
// validates, mutates and verifies images as their rules ask for, including the
// rules that Kyverno makes of rules about Pods.
//
// A policy is compiled once. Whatever can be found wrong without a request is
// found then: expressions that do not parse, variables that are not known,
// operators that do not exist, keys that do not parse. The error names the field,
// and such a policy is not in force.
//
// What comes of a request:
//
//	Request -> match, exclude -> context -> preconditions -> judge or change -> Result
//
// Invariants:
//   - A decision depends on the request, the policy and what World lets it look
//     up, on nothing else but chance for the function random.
//   - Requests are never changed; a change is made to a copy.
//   - What cannot be evaluated is an Error result, never a pass.
//   - Rules that ask for what Roadbed does not do are named by Unsupported. Those
//     that judge are errors, those that change objects are skipped, both with a
//     message.
//
// Differences from Kyverno 1.19 are told by Differences and by package mutate.
package legacy
