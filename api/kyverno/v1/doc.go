// Package v1 holds Kyverno's legacy kinds as Roadbed reads them: ClusterPolicy
// and Policy of kyverno.io/v1, whose rules are patterns and JMESPath.
//
// The format is Kyverno's, not ours: a field that Kyverno accepts is accepted
// here, with the same meaning and without tighter bounds. A switch that Kyverno
// sets to true by default is a pointer, so that an absent one can be told from
// false.
//
// The package holds types only: no logic, no clients.
//
// +kubebuilder:object:generate=true
// +groupName=kyverno.io
package v1
