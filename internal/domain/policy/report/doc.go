// Package report turns what is known of an object into reports, in the formats
// that others read: openreports.io/v1alpha1 and wgpolicyk8s.io/v1alpha2.
//
// Each object has one report, named by the object's UID as Kyverno does, in the
// object's namespace or, where it has none, in the cluster. All functions are
// pure.
package report
