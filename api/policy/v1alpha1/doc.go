// Package v1alpha1 holds the kinds of governance that are Roadbed's own:
// PolicyOverride and OverrideLedger. Policies themselves are written in the
// formats of Kyverno and Kubernetes.
//
// A PolicyOverride is a team's request that a policy be waived for some of its
// objects until a date, and what became of the request. The OverrideLedger is
// one object of the cluster, written by Roadbed alone: the overrides in force,
// compiled for whoever judges by them.
//
// The package holds types only: no logic, no clients.
//
// +kubebuilder:object:generate=true
// +groupName=policy.roadbed.dev
package v1alpha1
