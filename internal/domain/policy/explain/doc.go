// Package explain tells how a policy comes to its results for one request:
// whether its rules select the request, which condition holds, which check fails
// and why.
//
// It asks the evaluator itself where that can tell (policy.Explainer). Otherwise
// it asks probes: policies that select what the policy selects and check one
// condition of it alone. A probe runs on the code that runs the policy, so what
// is told is what decides.
package explain
