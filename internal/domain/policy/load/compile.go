package load

import (
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Compilers turn one policy into an evaluator. A policy of a namespace comes as
// the kind of the cluster with its namespace set, and judges that namespace only.
// A kind without a compiler is reported as unsupported.
type Compilers struct {
	Validating       func(*policiesv1.ValidatingPolicy) (policy.Evaluator, error)
	Mutating         func(*policiesv1.MutatingPolicy) (policy.Evaluator, error)
	ImageValidating  func(*policiesv1.ImageValidatingPolicy) (policy.Evaluator, error)
	NativeValidating func(*admissionregistrationv1.ValidatingAdmissionPolicy, []*admissionregistrationv1.ValidatingAdmissionPolicyBinding) (policy.Evaluator, error)
	NativeMutating   func(*admissionregistrationv1.MutatingAdmissionPolicy, []*admissionregistrationv1.MutatingAdmissionPolicyBinding) (policy.Evaluator, error)
	Legacy           func(*kyvernov1.ClusterPolicy) (policy.Evaluator, error)
}

// Compiled is an evaluator and the document that it comes from.
type Compiled struct {
	policy.Evaluator
	Document Document
}

// Compile turns the policies among the documents into evaluators. Bindings,
// exceptions and overrides are no policies; a binding belongs to the policy that
// it names.
func Compile(documents []Document, compilers Compilers) ([]policy.Evaluator, []Problem) {
	compiled, problems := CompileEach(documents, compilers)
	evaluators := make([]policy.Evaluator, len(compiled))
	for i, each := range compiled {
		evaluators[i] = each.Evaluator
	}
	return evaluators, problems
}

// CompileEach is Compile for who needs to know where an evaluator comes from.
func CompileEach(documents []Document, compilers Compilers) ([]Compiled, []Problem) {
	bound := bindingsAmong(documents)
	var compiled []Compiled
	found := repeated(documents)
	for _, document := range documents {
		if len(document.wrongMode()) > 0 {
			continue // Parse has said so.
		}
		evaluator, err := compilers.compile(document.Object, bound)
		switch {
		case err != nil:
			found = append(found, document.faults(err)...)
		case evaluator != nil:
			compiled = append(compiled, Compiled{Evaluator: evaluator, Document: document})
			found = append(found, document.unsupported()...)
		}
	}
	return compiled, found
}

// bindings by the name of the policy.
type bindings struct {
	validating map[string][]*admissionregistrationv1.ValidatingAdmissionPolicyBinding
	mutating   map[string][]*admissionregistrationv1.MutatingAdmissionPolicyBinding
}

func bindingsAmong(documents []Document) bindings {
	found := bindings{
		validating: map[string][]*admissionregistrationv1.ValidatingAdmissionPolicyBinding{},
		mutating:   map[string][]*admissionregistrationv1.MutatingAdmissionPolicyBinding{},
	}
	for _, document := range documents {
		switch b := document.Object.(type) {
		case *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
			found.validating[b.Spec.PolicyName] = append(found.validating[b.Spec.PolicyName], b)
		case *admissionregistrationv1.MutatingAdmissionPolicyBinding:
			found.mutating[b.Spec.PolicyName] = append(found.mutating[b.Spec.PolicyName], b)
		}
	}
	return found
}

// compile returns nothing for what is no policy.
func (c Compilers) compile(object runtime.Object, bound bindings) (policy.Evaluator, error) {
	switch p := object.(type) {
	case *policiesv1.ValidatingPolicy:
		return with(c.Validating, p)
	case *policiesv1.NamespacedValidatingPolicy:
		return with(c.Validating, &policiesv1.ValidatingPolicy{TypeMeta: p.TypeMeta, ObjectMeta: p.ObjectMeta, Spec: p.Spec, Status: p.Status})
	case *policiesv1.MutatingPolicy:
		return with(c.Mutating, p)
	case *policiesv1.NamespacedMutatingPolicy:
		return with(c.Mutating, &policiesv1.MutatingPolicy{TypeMeta: p.TypeMeta, ObjectMeta: p.ObjectMeta, Spec: p.Spec, Status: p.Status})
	case *policiesv1.ImageValidatingPolicy:
		return with(c.ImageValidating, p)
	case *policiesv1.NamespacedImageValidatingPolicy:
		return with(c.ImageValidating, &policiesv1.ImageValidatingPolicy{TypeMeta: p.TypeMeta, ObjectMeta: p.ObjectMeta, Spec: p.Spec, Status: p.Status})
	case *admissionregistrationv1.ValidatingAdmissionPolicy:
		return withBindings(c.NativeValidating, p, bound.validating[p.Name])
	case *admissionregistrationv1.MutatingAdmissionPolicy:
		return withBindings(c.NativeMutating, p, bound.mutating[p.Name])
	}
	if p := legacyOf(object); p != nil {
		return with(c.Legacy, p)
	}
	return nil, nil
}

// legacyOf is a legacy policy as one of the cluster; nil for anything else.
func legacyOf(object runtime.Object) *kyvernov1.ClusterPolicy {
	switch p := object.(type) {
	case *kyvernov1.ClusterPolicy:
		return p
	case *kyvernov1.Policy:
		return &kyvernov1.ClusterPolicy{TypeMeta: p.TypeMeta, ObjectMeta: p.ObjectMeta, Spec: p.Spec, Status: p.Status}
	}
	return nil
}

// errNoCompiler says that a kind is read but not evaluated here.
var errNoCompiler = errors.New("policies of this kind are not evaluated here")

func with[P any](compile func(P) (policy.Evaluator, error), p P) (policy.Evaluator, error) {
	if compile == nil {
		return nil, errNoCompiler
	}
	return compile(p)
}

func withBindings[P, B any](compile func(P, []B) (policy.Evaluator, error), p P, bound []B) (policy.Evaluator, error) {
	if compile == nil {
		return nil, errNoCompiler
	}
	return compile(p, bound)
}

// repeated reports objects that are there twice: only one of them could be in a
// cluster, and nobody can tell which.
func repeated(documents []Document) []Problem {
	first := map[string]Document{}
	var found []Problem
	for _, document := range documents {
		object, ok := document.Object.(client.Object)
		if !ok {
			continue
		}
		key := fmt.Sprintf("%s %s/%s", document.Object.GetObjectKind().GroupVersionKind(), object.GetNamespace(), object.GetName())
		before, twice := first[key]
		if !twice {
			first[key] = document
			continue
		}
		found = append(found, document.problem("metadata.name", fmt.Sprintf("is given twice, first at %s:%d", before.File, before.Line)))
	}
	return found
}
