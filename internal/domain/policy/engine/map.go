package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

// admissionChange is a compiled MutatingAdmissionPolicy.
type admissionChange struct {
	info        policy.Info
	constraints *request.Constraints
	change      *change
	bindings    []binding
	static      bool
	again       bool
	options     Options
}

var _ policy.Reinvoker = (*admissionChange)(nil)

// CompileMAP compiles a MutatingAdmissionPolicy with those of the bindings that
// name it. The error is a FaultsError. An error while evaluating refuses, as the API
// server does, whatever the tier.
func CompileMAP(p *admissionregistrationv1.MutatingAdmissionPolicy, bindings []*admissionregistrationv1.MutatingAdmissionPolicyBinding, options Options) (policy.Mutator, error) {
	made := &admissionChange{options: options, static: strings.HasSuffix(p.Name, staticSuffix)}
	made.again = p.Spec.ReinvocationPolicy == admissionregistrationv1.IfNeededReinvocationPolicy
	var faults FaultsError
	made.constraints, faults = constrain("spec.matchConstraints", p.Spec.MatchConstraints)
	compiled, found := compileChange(dialect.Kubernetes(), source{
		path: "spec", name: p.Name, variables: p.Spec.Variables, matchConditions: p.Spec.MatchConditions,
		failurePolicy: p.Spec.FailurePolicy, hasParams: p.Spec.ParamKind != nil,
	}, p.Spec.Mutations, "")
	made.change = compiled
	faults = append(faults, found...)
	info, err := infoOf("MutatingAdmissionPolicy", "", p.Name, p.Labels, p.Annotations, policy.Mutate)
	made.info, made.info.Rules = info, compiled.rules
	made.info.Tier = blocking(info.Tier)
	if err != nil {
		faults = append(faults, Fault{Field: "metadata", Message: err.Error()})
	}
	for _, bound := range chosen(bindings, options.Unbound, func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) bool {
		return b.Spec.PolicyName == p.Name
	}) {
		one, found := made.bind(p, bound)
		made.bindings, faults = append(made.bindings, one), append(faults, found...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return made, nil
}

func (p *admissionChange) bind(of *admissionregistrationv1.MutatingAdmissionPolicy, bound *admissionregistrationv1.MutatingAdmissionPolicyBinding) (binding, FaultsError) {
	matching, faults := constrain("spec.matchResources", bound.Spec.MatchResources)
	selected, err := request.NewParams(of.Spec.ParamKind, bound.Spec.ParamRef, p.options.Params)
	if err != nil {
		faults = append(faults, Fault{Field: "spec.paramRef", Message: err.Error()})
	}
	for i := range faults {
		faults[i].Field = fmt.Sprintf("binding %q: %s", bound.Name, faults[i].Field)
	}
	return binding{name: bound.Name, constraints: matching, params: selected, tier: p.info.Tier}, faults
}

// Info describes the policy.
func (p *admissionChange) Info() policy.Info { return p.info }

// Reinvoke tells whether others' changes make it run again.
func (p *admissionChange) Reinvoke() bool { return p.again }

// Validate has nothing to say.
func (p *admissionChange) Validate(context.Context, *policy.Request, policy.World) []policy.Result {
	return nil
}

// Mutate applies the mutations once for each binding that applies and each of
// its parameters.
func (p *admissionChange) Mutate(ctx context.Context, r *policy.Request, w policy.World, waived policy.Waived) (map[string]any, []policy.Result) {
	if request.Exempt(r) && !p.static || r.Object == nil || r.Operation == admissionv1.Delete {
		return nil, nil
	}
	found, err := p.constraints.Match(r)
	if err != nil {
		return nil, p.misconfigured(fmt.Errorf("failed to configure policy: %w", err))
	}
	if found == nil {
		return nil, nil
	}
	changing := newState(found, p.options)
	session := p.options.session(ctx, r, w, "")
	var results []policy.Result
	for _, bound := range p.bindings {
		results = append(results, p.mutateBound(ctx, r, changing, bound, session, waived)...)
	}
	object, err := changing.result(r)
	if err != nil {
		results = append(results, p.misconfigured(err)...)
	}
	return object, results
}

func (p *admissionChange) mutateBound(ctx context.Context, r *policy.Request, changing *state, bound binding, session *library.Session, waived policy.Waived) []policy.Result {
	applies, err := bound.constraints.Match(r)
	if err == nil && applies == nil {
		return nil
	}
	objects, paramsErr := bound.params.Collect(ctx, r, session.World.Lookup)
	if err := errors.Join(err, paramsErr); err != nil {
		return p.misconfigured(fmt.Errorf("failed to configure binding: %w", err))
	}
	judged := subject{Matched: changing.matched, template: template(p.info)}
	var results []policy.Result
	for _, object := range objects {
		judged.params = object
		results = append(results, p.change.mutate(ctx, judged, changing, session, waived)...)
	}
	return results
}

func (p *admissionChange) misconfigured(err error) []policy.Result {
	if p.change.failure != nil && *p.change.failure == admissionregistrationv1.Ignore {
		return nil
	}
	result := template(p.info)
	result.Rule, result.Tier, result.Status, result.Message = "matchConstraints", blocking(p.info.Tier), policy.Error, err.Error()
	return []policy.Result{result}
}
