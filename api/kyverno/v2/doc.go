// Package v2 holds PolicyException of kyverno.io/v2 as Roadbed reads it.
// Version v2beta1 has the same fields; whoever reads one decodes it as v2.
//
// The package holds types only: no logic, no clients.
//
// +kubebuilder:object:generate=true
// +groupName=kyverno.io
package v2
