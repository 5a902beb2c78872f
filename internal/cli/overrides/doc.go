// Package overrides has the verbs of policy overrides: ask for one, look at
// them, decide on them, and import what a cluster with Kyverno has in their
// place.
package overrides
