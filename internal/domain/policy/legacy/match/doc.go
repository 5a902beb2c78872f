// Package match decides whether a rule of a kyverno.io/v1 policy concerns a
// request: its match and exclude blocks, by kind, name, namespace, labels,
// annotations, operation and who asks.
//
// A block is compiled once, so that what cannot be right is found when the
// policy is written. Deciding is pure and safe for concurrent use.
package match
