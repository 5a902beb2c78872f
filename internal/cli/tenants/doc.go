// Package tenants has the verbs of tenants, from their plan to their offboarding,
// and those of examples.
//
// What a verb changes it can show beforehand; what it began in the cluster the
// platform finishes without it, so each may be interrupted and called again.
package tenants
