package enforce

import (
	"cmp"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// kind is what the controllers know of one kind of policies.
type kind[T steps.Object] struct {
	name, plural, summary string
	newObject             func() T
	// compile finds what is wrong with a policy.
	compile func(T) (policy.Evaluator, error)
	// native is what the API server makes of it.
	native func(T, native.Options) (native.Objects, native.Reason, error)
	// generated notes in the status whether there is a native policy.
	generated func(p T, is bool)
	// mutating tells which native kinds it becomes.
	mutating bool
	// group is of the kind, policies.kyverno.io in v1 unless it is set.
	group schema.GroupVersion
	// legacy tells that policies of the kind are interpreted.
	legacy bool
	// unsupported names what a policy asks for and does not get; nil for kinds
	// that compile wholly or not at all.
	unsupported func(T) []string
}

// missing names what a policy asks for and does not get.
func (k kind[T]) missing(p T) []string {
	if k.unsupported == nil {
		return nil
	}
	return k.unsupported(p)
}

func (k kind[T]) gvk() schema.GroupVersionKind {
	return cmp.Or(k.group, policiesv1.GroupVersion).WithKind(k.name)
}

func validatingKind() kind[*policiesv1.ValidatingPolicy] {
	return kind[*policiesv1.ValidatingPolicy]{
		name: "ValidatingPolicy", plural: "validatingpolicies",
		summary:   "Kyverno's: refuses or reports requests by CEL expressions.",
		newObject: func() *policiesv1.ValidatingPolicy { return &policiesv1.ValidatingPolicy{} },
		compile:   compileValidating,
		native:    native.Validating,
		generated: func(p *policiesv1.ValidatingPolicy, is bool) { p.Status.Generated = is },
	}
}

func namespacedValidatingKind() kind[*policiesv1.NamespacedValidatingPolicy] {
	return kind[*policiesv1.NamespacedValidatingPolicy]{
		name: "NamespacedValidatingPolicy", plural: "namespacedvalidatingpolicies",
		summary:   "Kyverno's: a ValidatingPolicy for the objects of its namespace.",
		newObject: func() *policiesv1.NamespacedValidatingPolicy { return &policiesv1.NamespacedValidatingPolicy{} },
		compile: func(p *policiesv1.NamespacedValidatingPolicy) (policy.Evaluator, error) {
			return compileValidating(&policiesv1.ValidatingPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
		},
		native:    native.NamespacedValidating,
		generated: func(p *policiesv1.NamespacedValidatingPolicy, is bool) { p.Status.Generated = is },
	}
}

func mutatingKind() kind[*policiesv1.MutatingPolicy] {
	return kind[*policiesv1.MutatingPolicy]{
		name: "MutatingPolicy", plural: "mutatingpolicies",
		summary:   "Kyverno's: changes objects by CEL expressions.",
		newObject: func() *policiesv1.MutatingPolicy { return &policiesv1.MutatingPolicy{} },
		compile:   compileMutating,
		native:    native.Mutating,
		generated: func(p *policiesv1.MutatingPolicy, is bool) { p.Status.Generated = is },
		mutating:  true,
	}
}

func namespacedMutatingKind() kind[*policiesv1.NamespacedMutatingPolicy] {
	return kind[*policiesv1.NamespacedMutatingPolicy]{
		name: "NamespacedMutatingPolicy", plural: "namespacedmutatingpolicies",
		summary:   "Kyverno's: a MutatingPolicy for the objects of its namespace.",
		newObject: func() *policiesv1.NamespacedMutatingPolicy { return &policiesv1.NamespacedMutatingPolicy{} },
		compile: func(p *policiesv1.NamespacedMutatingPolicy) (policy.Evaluator, error) {
			return compileMutating(&policiesv1.MutatingPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
		},
		native:    native.NamespacedMutating,
		generated: func(p *policiesv1.NamespacedMutatingPolicy, is bool) { p.Status.Generated = is },
		mutating:  true,
	}
}

func compileValidating(p *policiesv1.ValidatingPolicy) (policy.Evaluator, error) {
	return engine.CompileValidating(p, engine.Options{})
}

func compileMutating(p *policiesv1.MutatingPolicy) (policy.Evaluator, error) {
	return engine.CompileMutating(p, engine.Options{})
}

// nativeKinds are the two kinds that policies of a kind become.
func nativeKinds(mutating bool) []client.Object {
	if mutating {
		return []client.Object{&admissionv1.MutatingAdmissionPolicy{}, &admissionv1.MutatingAdmissionPolicyBinding{}}
	}
	return []client.Object{&admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}}
}

// nativeLists are empty lists of the two kinds.
func nativeLists(mutating bool) []client.ObjectList {
	if mutating {
		return []client.ObjectList{&admissionv1.MutatingAdmissionPolicyBindingList{}, &admissionv1.MutatingAdmissionPolicyList{}}
	}
	return []client.ObjectList{&admissionv1.ValidatingAdmissionPolicyBindingList{}, &admissionv1.ValidatingAdmissionPolicyList{}}
}
