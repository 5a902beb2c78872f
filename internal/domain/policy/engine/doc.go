// Package engine evaluates CEL policies in this process with the code of the
// Kubernetes API server, so that a verdict here is the API server's verdict. It
// takes Kyverno's ValidatingPolicy, MutatingPolicy and ImageValidatingPolicy and
// Kubernetes' ValidatingAdmissionPolicy and MutatingAdmissionPolicy.
//
// What always holds:
//   - Matching, variables, type checks, cost limits, failure policies, messages
//     and patches are the API server's own packages. No package outside this
//     folder imports them: they have no stable interface.
//   - Objects of Kubernetes' own kinds are judged as the API server sees them,
//     decoded into their Go types: has() of a field that is always written is
//     true, and quantities have their canonical form. Everything else is judged
//     as it is. Defaults that only the API server knows are not filled in.
//   - Compiling reports every fault with its field, line and column, and gives
//     no policy when there is one.
//   - A compiled policy is immutable and safe for concurrent use. What it may
//     look up comes with each evaluation, as policy.World.
//
// An environment for type checks is built once for all policies; a policy keeps
// its programs only.
package engine
