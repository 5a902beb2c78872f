// Package v1alpha1 has the kinds of openreports.io/v1alpha1, which tools for
// policy reports read. Roadbed serves them from an aggregated API; they are never
// stored in etcd, and so there are no CustomResourceDefinitions of them.
//
// +kubebuilder:object:generate=true
// +kubebuilder:skip
package v1alpha1
