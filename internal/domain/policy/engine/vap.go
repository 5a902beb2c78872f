package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

// staticSuffix ends the names of policies that the API server reads from files.
const staticSuffix = ".static.k8s.io"

// admissionPolicy is a compiled ValidatingAdmissionPolicy.
type admissionPolicy struct {
	info        policy.Info
	constraints *request.Constraints
	body        *body
	failure     *admissionregistrationv1.FailurePolicyType
	bindings    []binding
	static      bool
	options     Options
}

var _ policy.Evaluator = (*admissionPolicy)(nil)

// binding is where an admission policy applies, and with which parameters.
type binding struct {
	name        string
	constraints *request.Constraints
	params      *request.Params
	tier        policy.Tier
}

// CompileVAP compiles a ValidatingAdmissionPolicy with those of the bindings
// that name it. The error is a FaultsError.
//
// Results are the API server's decisions: a binding that denies gives results of
// the policy's tier, or Mandatory if that would not block, and any other gives
// Recommended ones.
func CompileVAP(vap *admissionregistrationv1.ValidatingAdmissionPolicy, bindings []*admissionregistrationv1.ValidatingAdmissionPolicyBinding, options Options) (policy.Evaluator, error) {
	made := &admissionPolicy{failure: vap.Spec.FailurePolicy, options: options, static: strings.HasSuffix(vap.Name, staticSuffix)}
	var faults FaultsError
	made.constraints, faults = constrain("spec.matchConstraints", vap.Spec.MatchConstraints)
	compiled, found := compileBody(dialect.Kubernetes(), source{
		path: "spec", name: vap.Name, variables: vap.Spec.Variables, matchConditions: vap.Spec.MatchConditions,
		validations: vap.Spec.Validations, auditAnnotations: vap.Spec.AuditAnnotations,
		failurePolicy: vap.Spec.FailurePolicy, hasParams: vap.Spec.ParamKind != nil,
	}, "")
	made.body = compiled
	faults = append(faults, found...)
	faults = append(faults, made.describe(vap)...)
	for _, bound := range chosen(bindings, options.Unbound, func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) bool {
		return b.Spec.PolicyName == vap.Name
	}) {
		one, found := made.bind(vap, bound)
		made.bindings, faults = append(made.bindings, one), append(faults, found...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	made.info.Tier = strictest(made.info.Tier, made.bindings)
	return made, nil
}

// describe reads the policy's metadata.
func (p *admissionPolicy) describe(vap *admissionregistrationv1.ValidatingAdmissionPolicy) FaultsError {
	info, err := infoOf("ValidatingAdmissionPolicy", "", vap.Name, vap.Labels, vap.Annotations, policy.Enforce)
	p.info, p.info.Rules = info, p.body.rules
	if err != nil {
		return FaultsError{{Field: "metadata", Message: err.Error()}}
	}
	return nil
}

// chosen are the bindings of a policy, by name; an empty one if there is none and
// that shall do.
func chosen[B any, P interface {
	*B
	metav1.Object
}](all []P, unbound bool, ours func(P) bool,
) []P {
	var found []P
	for _, one := range all {
		if ours(one) {
			found = append(found, one)
		}
	}
	if len(found) == 0 && unbound {
		return []P{new(B)}
	}
	slices.SortFunc(found, func(a, b P) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return found
}

func (p *admissionPolicy) bind(vap *admissionregistrationv1.ValidatingAdmissionPolicy, bound *admissionregistrationv1.ValidatingAdmissionPolicyBinding) (binding, FaultsError) {
	matching, faults := constrain("spec.matchResources", bound.Spec.MatchResources)
	selected, err := request.NewParams(vap.Spec.ParamKind, bound.Spec.ParamRef, p.options.Params)
	if err != nil {
		faults = append(faults, Fault{Field: "spec.paramRef", Message: err.Error()})
	}
	tier := policy.Recommended
	if actionOf(bound.Spec.ValidationActions) == policy.Enforce {
		tier = blocking(p.info.Tier)
	}
	for i := range faults {
		faults[i].Field = fmt.Sprintf("binding %q: %s", bound.Name, faults[i].Field)
	}
	return binding{name: bound.Name, constraints: matching, params: selected, tier: tier}, faults
}

// blocking is the tier, if it blocks; a binding that denies always does.
func blocking(tier policy.Tier) policy.Tier {
	if tier.Blocks() {
		return tier
	}
	return policy.Mandatory
}

// strictest is the tier of the strictest binding.
func strictest(tier policy.Tier, bindings []binding) policy.Tier {
	if len(bindings) == 0 {
		return tier
	}
	strict := policy.Recommended
	for _, bound := range bindings {
		if bound.tier.Blocks() {
			strict = bound.tier
		}
	}
	return strict
}

// Info describes the policy.
func (p *admissionPolicy) Info() policy.Info { return p.info }

// Validate gives, for each binding that applies and each of its parameters, one
// result for each validation.
func (p *admissionPolicy) Validate(ctx context.Context, r *policy.Request, w policy.World) []policy.Result {
	if request.Exempt(r) && !p.static {
		return nil
	}
	found, err := p.constraints.Match(r)
	if err != nil {
		return p.misconfigured(p.info.Tier, fmt.Errorf("failed to configure policy: %w", err))
	}
	if found == nil {
		return nil
	}
	session := p.options.session(ctx, r, w, "")
	var results []policy.Result
	for _, bound := range p.bindings {
		results = append(results, p.validateBound(ctx, r, found, bound, session)...)
	}
	return results
}

func (p *admissionPolicy) validateBound(ctx context.Context, r *policy.Request, found *request.Matched, bound binding, session *library.Session) []policy.Result {
	applies, err := bound.constraints.Match(r)
	if err == nil && applies == nil {
		return nil
	}
	objects, paramsErr := bound.params.Collect(ctx, r, session.World.Lookup)
	if err := errors.Join(err, paramsErr); err != nil {
		return p.misconfigured(bound.tier, fmt.Errorf("failed to configure binding: %w", err))
	}
	judged := subject{Matched: found, template: template(p.info)}
	judged.template.Tier = bound.tier
	var results []policy.Result
	for _, object := range objects {
		judged.params = object
		results = append(results, p.body.evaluate(ctx, judged, session)...)
	}
	return results
}

// misconfigured is the result for a policy that cannot be applied to a request.
func (p *admissionPolicy) misconfigured(tier policy.Tier, err error) []policy.Result {
	if p.failure != nil && *p.failure == admissionregistrationv1.Ignore {
		return nil
	}
	result := template(p.info)
	result.Rule, result.Tier, result.Status, result.Message = "matchConstraints", blocking(tier), policy.Error, err.Error()
	return []policy.Result{result}
}
