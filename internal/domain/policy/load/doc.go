// Package load reads policies from YAML and JSON: Kyverno's CEL kinds and legacy
// kinds, Kubernetes' admission policies with their bindings, exceptions and
// overrides. It turns them into types, and types into evaluators.
//
// Invariants:
//   - What cannot be read, or is not supported, is a Problem with its file and
//     line. Nothing is dropped without one.
//   - Reading is strict: an unknown field is a Problem, not a policy that does
//     less than its author meant.
//   - An older version of a kind becomes the current one; the types say the
//     same in both.
//   - A policy with a Problem that is not only about something unsupported gives
//     no evaluator: nothing is half in force.
package load
