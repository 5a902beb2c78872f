package load

import (
	"errors"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
)

// Options say how policies are compiled.
type Options struct {
	// Engine is for all CEL policies.
	Engine engine.Options
}

// Standard are the compilers of this program.
func Standard(o Options) Compilers {
	return Compilers{
		Validating: func(p *policiesv1.ValidatingPolicy) (policy.Evaluator, error) {
			return engine.CompileValidating(p, o.Engine)
		},
		Mutating: func(p *policiesv1.MutatingPolicy) (policy.Evaluator, error) {
			return engine.CompileMutating(p, o.Engine)
		},
		NativeValidating: func(p *admissionregistrationv1.ValidatingAdmissionPolicy, bound []*admissionregistrationv1.ValidatingAdmissionPolicyBinding) (policy.Evaluator, error) {
			return engine.CompileVAP(p, bound, o.Engine)
		},
		NativeMutating: func(p *admissionregistrationv1.MutatingAdmissionPolicy, bound []*admissionregistrationv1.MutatingAdmissionPolicyBinding) (policy.Evaluator, error) {
			return engine.CompileMAP(p, bound, o.Engine)
		},
	}
}

// faults puts a compiler's error at its lines.
func (d Document) faults(err error) []Problem {
	var cel engine.Faults
	if errors.As(err, &cel) {
		found := make([]Problem, len(cel))
		for i, fault := range cel {
			found[i] = d.problem(fault.Field, fault.Error())
			found[i].Unsupported = fault.Unsupported
			if fault.Line > 0 {
				found[i].Line = d.lineWithin(fault.Field, fault.Line)
			}
		}
		return found
	}
	p := d.problem("", err.Error())
	p.Unsupported = errors.Is(err, errNoCompiler)
	return []Problem{p}
}
