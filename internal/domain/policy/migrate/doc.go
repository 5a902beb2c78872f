// Package migrate rewrites kyverno.io/v1 policies as the CEL kinds
// (policies.kyverno.io/v1), and proves that both say the same.
//
// Each rule becomes a policy of its own, because each has its own match. What
// cannot be said in CEL, or what this package does not know how to say, is left
// with a reason; nothing is dropped or weakened silently.
//
// The proof evaluates both forms on objects made up around the policy: what it
// names is there, absent, of another value or of another type, in one container
// or in several. It names the first objects on which the two differ. A proof
// over examples is no proof over everything: it says how many objects there
// were, and of which kinds.
package migrate
