// Package autogen writes, for a policy about Pods, the same policy for the kinds
// that create Pods, as Kyverno does: object.spec becomes
// object.spec.template.spec for most of them and
// object.spec.jobTemplate.spec.template.spec for a CronJob.
//
// Expressions are rewritten on their syntax tree, so that strings, comments and
// names that only look alike stay as they are. Messages are not touched. The
// package is pure, and the native lane and the engine both use it, so that they
// agree.
package autogen
