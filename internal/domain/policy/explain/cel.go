package explain

import (
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// body is what all CEL policies have.
type body struct {
	meta        metav1.ObjectMeta
	constraints *admissionregistrationv1.MatchResources
	conditions  []admissionregistrationv1.MatchCondition
	variables   []admissionregistrationv1.Variable
	validations []admissionregistrationv1.Validation
	autogen     *policiesv1.PodControllersGenerationConfiguration
	// native is set for Kubernetes' own kinds: probes are of their kind, because
	// expressions may read parameters.
	native *admissionregistrationv1.ParamKind
	own    bool
}

// bodyOf is the body of a CEL policy, nil for anything else.
func bodyOf(object runtime.Object) *body {
	switch p := object.(type) {
	case *policiesv1.ValidatingPolicy:
		return validating(p.ObjectMeta, p.Spec)
	case *policiesv1.NamespacedValidatingPolicy:
		return validating(p.ObjectMeta, p.Spec)
	case *policiesv1.MutatingPolicy:
		return mutating(p.ObjectMeta, p.Spec)
	case *policiesv1.NamespacedMutatingPolicy:
		return mutating(p.ObjectMeta, p.Spec)
	case *policiesv1.ImageValidatingPolicy:
		return imageValidating(p.ObjectMeta, p.Spec)
	case *policiesv1.NamespacedImageValidatingPolicy:
		return imageValidating(p.ObjectMeta, p.Spec)
	case *admissionregistrationv1.ValidatingAdmissionPolicy:
		return &body{
			meta: p.ObjectMeta, constraints: p.Spec.MatchConstraints, conditions: p.Spec.MatchConditions,
			variables: p.Spec.Variables, validations: p.Spec.Validations, native: p.Spec.ParamKind, own: true,
		}
	case *admissionregistrationv1.MutatingAdmissionPolicy:
		return &body{
			meta: p.ObjectMeta, constraints: p.Spec.MatchConstraints, conditions: p.Spec.MatchConditions,
			variables: p.Spec.Variables, native: p.Spec.ParamKind, own: true,
		}
	}
	return nil
}

func validating(meta metav1.ObjectMeta, spec policiesv1.ValidatingPolicySpec) *body {
	b := &body{
		meta: meta, constraints: spec.MatchConstraints, conditions: spec.MatchConditions,
		variables: spec.Variables, validations: spec.Validations,
	}
	if spec.Autogen != nil {
		b.autogen = spec.Autogen.PodControllers
	}
	return b
}

func mutating(meta metav1.ObjectMeta, spec policiesv1.MutatingPolicySpec) *body {
	b := &body{meta: meta, constraints: spec.MatchConstraints, conditions: spec.MatchConditions, variables: spec.Variables}
	if spec.Autogen != nil {
		b.autogen = spec.Autogen.PodControllers
	}
	return b
}

func imageValidating(meta metav1.ObjectMeta, spec policiesv1.ImageValidatingPolicySpec) *body {
	b := &body{
		meta: meta, constraints: spec.MatchConstraints, conditions: spec.MatchConditions, validations: spec.Validations,
	}
	if spec.Autogen != nil {
		b.autogen = spec.Autogen.PodControllers
	}
	return b
}

// cel asks about constraints, each match condition and each variable, and tells
// what the validations say.
func (p prober) cel(b *body, results []policy.Result) []policy.Step {
	match := p.ask(b.probe(admissionregistrationv1.Validation{Expression: "true"}, nil))
	step := policy.Step{Kind: policy.StepMatch, Source: "spec.matchConstraints", OK: match.concerned, Outcome: "selects the request"}
	if !match.concerned {
		step.Outcome = "does not select the request: another resource, operation, name, namespace or label"
		return []policy.Step{step}
	}
	steps := []policy.Step{step}
	for _, condition := range b.conditions {
		got := p.ask(b.probe(admissionregistrationv1.Validation{Expression: condition.Expression}, nil))
		next := got.step("", policy.StepPrecondition, condition.Expression)
		next.Outcome = fmt.Sprintf("match condition %q %s", condition.Name, next.Outcome)
		steps = append(steps, next)
		if !next.OK {
			return append(steps, checks(b.expressions(), results)...)
		}
	}
	for i, variable := range b.variables {
		steps = append(steps, p.variable(b, variable, b.variables[:i+1]))
	}
	return append(steps, checks(b.expressions(), results)...)
}

func (b *body) expressions() []string {
	all := make([]string, len(b.validations))
	for i, validation := range b.validations {
		all[i] = validation.Expression
	}
	return all
}

// variable tells the value of a variable: as the message of a check that fails.
func (p prober) variable(b *body, variable admissionregistrationv1.Variable, known []admissionregistrationv1.Variable) policy.Step {
	step := policy.Step{Kind: policy.StepVariable, Source: variable.Name + " = " + variable.Expression, OK: true, Outcome: "has a value"}
	const marker = "value: "
	for _, shown := range []string{
		"string(variables.%s)", "'a list or map of ' + string(size(variables.%s))",
	} {
		got := p.ask(b.probe(admissionregistrationv1.Validation{
			Expression: "false", MessageExpression: "'" + marker + "' + " + fmt.Sprintf(shown, variable.Name),
		}, known))
		if value, found := strings.CutPrefix(got.message, marker); found {
			step.Outcome = value
			return step
		}
	}
	got := p.ask(b.probe(admissionregistrationv1.Validation{Expression: fmt.Sprintf("type(variables.%s) == type(variables.%s)", variable.Name, variable.Name)}, known))
	if got.status == policy.Error {
		step.OK, step.Outcome = false, "cannot be evaluated: "+got.message
	}
	return step
}

// probe is a policy that selects what the body's policy selects, and checks one
// thing.
func (b *body) probe(check admissionregistrationv1.Validation, variables []admissionregistrationv1.Variable) load.Document {
	meta := metav1.ObjectMeta{Name: b.meta.Name, Namespace: b.meta.Namespace, Labels: b.meta.Labels}
	validations := []admissionregistrationv1.Validation{check}
	if b.own {
		return load.Of(&admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			ParamKind: b.native, MatchConstraints: b.constraints, Variables: variables, Validations: validations,
		}}, "probe")
	}
	spec := policiesv1.ValidatingPolicySpec{MatchConstraints: b.constraints, Variables: variables, Validations: validations}
	if b.autogen != nil {
		spec.Autogen = &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: b.autogen}
	}
	return load.Of(&policiesv1.ValidatingPolicy{ObjectMeta: meta, Spec: spec}, "probe")
}
