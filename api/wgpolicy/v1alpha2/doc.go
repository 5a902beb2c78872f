// Package v1alpha2 has the kinds of wgpolicyk8s.io/v1alpha2, the older form of
// policy reports, which most tools read. They say the same as those of
// openreports.io, and are served like them.
//
// +kubebuilder:object:generate=true
// +kubebuilder:skip
package v1alpha2
