package load

import (
	"errors"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
)

// Options say how policies are compiled.
type Options struct {
	// Engine is for all CEL policies.
	Engine engine.Options
	// Legacy is for legacy policies. Their CEL is compiled as Engine says unless
	// Legacy says how.
	Legacy legacy.Options
	// Allowances may allow images and values to single CEL policies.
	Allowances []Allowance
}

// Allowance is what an exception allows CEL policies to let pass.
type Allowance struct {
	// Policies that it is for.
	Policies []policiesv1.PolicyRef
	// Images and Values that it allows.
	Images, Values []string
	// Covers tells whether it is for a request; nil for all. It MUST be safe for
	// concurrent use.
	Covers func(r *policy.Request, w policy.World) (bool, error)
}

// names tells whether the allowance is for a policy.
func (a Allowance) names(kind, name string) bool {
	return slices.ContainsFunc(a.Policies, func(ref policiesv1.PolicyRef) bool {
		return ref.Name == name && (ref.Kind == kind || ref.Kind == "Namespaced"+kind)
	})
}

// allowed is what allowances allow together.
func allowed(allowances []Allowance) library.Allowed {
	return func(r *policy.Request, w policy.World) (images, values []string, err error) {
		for _, each := range allowances {
			covers := true
			if each.Covers != nil {
				if covers, err = each.Covers(r, w); err != nil {
					return nil, nil, err
				}
			}
			if covers {
				images, values = append(images, each.Images...), append(values, each.Values...)
			}
		}
		return images, values, nil
	}
}

// engineFor are the options for one CEL policy.
func (o Options) engineFor(kind, namespace, name string) engine.Options {
	options := o.Engine
	if namespace != "" {
		name = namespace + "/" + name
	}
	relevant := slices.DeleteFunc(slices.Clone(o.Allowances), func(a Allowance) bool { return !a.names(kind, name) })
	if len(relevant) > 0 {
		options.Allowed = allowed(relevant)
	}
	return options
}

// Standard are the compilers of this program.
func Standard(o Options) Compilers {
	return Compilers{
		Validating: func(p *policiesv1.ValidatingPolicy) (policy.Evaluator, error) {
			return engine.CompileValidating(p, o.engineFor("ValidatingPolicy", p.Namespace, p.Name))
		},
		Mutating: func(p *policiesv1.MutatingPolicy) (policy.Evaluator, error) {
			return engine.CompileMutating(p, o.engineFor("MutatingPolicy", p.Namespace, p.Name))
		},
		ImageValidating: func(p *policiesv1.ImageValidatingPolicy) (policy.Evaluator, error) {
			return engine.CompileImageValidating(p, o.engineFor("ImageValidatingPolicy", p.Namespace, p.Name))
		},
		Legacy: func(p *kyvernov1.ClusterPolicy) (policy.Evaluator, error) {
			return legacy.Compile(p, o.legacy())
		},
		NativeValidating: func(p *admissionregistrationv1.ValidatingAdmissionPolicy, bound []*admissionregistrationv1.ValidatingAdmissionPolicyBinding) (policy.Evaluator, error) {
			return engine.CompileVAP(p, bound, o.Engine)
		},
		NativeMutating: func(p *admissionregistrationv1.MutatingAdmissionPolicy, bound []*admissionregistrationv1.MutatingAdmissionPolicyBinding) (policy.Evaluator, error) {
			return engine.CompileMAP(p, bound, o.Engine)
		},
	}
}

// legacy are the options for legacy policies.
func (o Options) legacy() legacy.Options {
	options := o.Legacy
	if options.CEL == nil {
		options.CEL = func(p *admissionregistrationv1.ValidatingAdmissionPolicy, bound []*admissionregistrationv1.ValidatingAdmissionPolicyBinding) (policy.Evaluator, error) {
			return engine.CompileVAP(p, bound, o.Engine)
		}
	}
	return options
}

// unsupported reports what a legacy policy asks for and does not get, though the
// rest of it is in force.
func (d Document) unsupported() []Problem {
	source := legacyOf(d.Object)
	if source == nil {
		return nil
	}
	return d.legacyProblems(legacy.Unsupported(source))
}

func (d Document) legacyProblems(faults legacy.FaultsError) []Problem {
	found := make([]Problem, len(faults))
	for i, fault := range faults {
		found[i] = d.problem(fault.Field, fault.Message)
		found[i].Rule, found[i].Unsupported = fault.Rule, fault.Unsupported
	}
	return found
}

// faults puts a compiler's error at its lines.
func (d Document) faults(err error) []Problem {
	if cel, ok := errors.AsType[engine.FaultsError](err); ok {
		found := make([]Problem, len(cel))
		for i, fault := range cel {
			found[i] = d.problem(fault.Field, fault.String())
			found[i].Unsupported = fault.Unsupported
			if fault.Line > 0 {
				found[i].Line = d.lineWithin(fault.Field, fault.Line)
			}
		}
		return found
	}
	if old, ok := errors.AsType[legacy.FaultsError](err); ok {
		return d.legacyProblems(old)
	}
	p := d.problem("", err.Error())
	p.Unsupported = errors.Is(err, errNoCompiler)
	return []Problem{p}
}
