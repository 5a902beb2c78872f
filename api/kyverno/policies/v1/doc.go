// Package v1 holds Kyverno's CEL kinds as Roadbed reads them: ValidatingPolicy,
// MutatingPolicy, ImageValidatingPolicy, their namespaced forms, and
// PolicyException, of the group policies.kyverno.io.
//
// The format is Kyverno's, not ours: a field that Kyverno accepts is accepted
// here, with the same meaning and without tighter bounds. Version v1beta1 has
// the same fields; whoever reads one decodes it as v1.
//
// The package holds types only: no logic, no clients.
//
// +kubebuilder:object:generate=true
// +groupName=policies.kyverno.io
package v1
