package native

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// Validating turns a policy into native ones. There are no objects when there
// is a reason against it. An error means that the policy itself is wrong.
func Validating(p *policiesv1.ValidatingPolicy, opts Options) (Objects, Reason, error) {
	return validating("ValidatingPolicy", p, opts)
}

// NamespacedValidating does the same for a policy of one namespace.
func NamespacedValidating(p *policiesv1.NamespacedValidatingPolicy, opts Options) (Objects, Reason, error) {
	return validating("NamespacedValidatingPolicy", &policiesv1.ValidatingPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec}, opts)
}

func validating(kind string, p *policiesv1.ValidatingPolicy, opts Options) (Objects, Reason, error) {
	o, err := newOrigin(kind, p, actionOf(p.Spec.ValidationActions), opts)
	if err != nil {
		return nil, "", err
	}
	if reason := whyNotValidating(p); reason != "" {
		return nil, reason, nil
	}
	var objects Objects
	for _, v := range validatingVariants(p) {
		objects = append(objects, o.validatingPolicy(v), o.validatingBinding(v.suffix(), v.spec.MatchConstraints))
	}
	return objects, "", nil
}

// actionOf is what the format asked for, where no tier says otherwise.
func actionOf(actions []admissionv1.ValidationAction) policy.Action {
	if len(actions) == 0 || slices.Contains(actions, admissionv1.Deny) {
		return policy.Enforce
	}
	return policy.Audit
}

func whyNotValidating(p *policiesv1.ValidatingPolicy) Reason {
	spec := &p.Spec
	if reason := whyNotEvaluated(spec.Evaluation); reason != "" {
		return reason
	}
	if spec.MatchConstraints == nil || len(spec.MatchConstraints.ResourceRules) == 0 {
		return MatchesNothing
	}
	return Reason(engine.Needs(p))
}

func whyNotEvaluated(e *policiesv1.EvaluationConfiguration) Reason {
	switch {
	case e == nil:
		return ""
	case e.Mode == policiesv1.EvaluationModeJSON:
		return AboutJSON
	case e.Admission != nil && e.Admission.Enabled != nil && !*e.Admission.Enabled:
		return OffAtAdmission
	}
	return ""
}

func (o origin) validatingPolicy(v variant[policiesv1.ValidatingPolicySpec]) *admissionv1.ValidatingAdmissionPolicy {
	waived := o.waived()
	native := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: o.meta(v.suffix()),
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: o.constraints(v.spec.MatchConstraints),
			MatchConditions:  v.spec.MatchConditions,
			Variables:        append(slices.Clip(v.spec.Variables), waived...),
			FailurePolicy:    o.failure(v.spec),
			AuditAnnotations: v.spec.AuditAnnotations,
		},
	}
	for i, validation := range v.spec.Validations {
		if len(waived) > 0 {
			validation.Expression = "(" + validation.Expression + ") || " + override.Clause(v.rule("validations", i))
		}
		native.Spec.Validations = append(native.Spec.Validations, validation)
	}
	if len(waived) > 0 {
		native.Spec.AuditAnnotations = append(slices.Clip(native.Spec.AuditAnnotations),
			admissionv1.AuditAnnotation{Key: override.AuditKey, ValueExpression: override.Annotation()})
	}
	return native
}

// failure is what happens to requests that cannot be judged. The API server
// refuses them for an audit annotation that fails, whatever the binding's actions
// are: so a policy that never blocks, and has such annotations, lets them pass.
func (o origin) failure(spec policiesv1.ValidatingPolicySpec) *admissionv1.FailurePolicyType {
	if !o.tier.Blocks() && len(spec.AuditAnnotations) > 0 {
		return new(admissionv1.Ignore)
	}
	return failure(spec.FailurePolicy)
}

func (o origin) validatingBinding(suffix string, match *admissionv1.MatchResources) *admissionv1.ValidatingAdmissionPolicyBinding {
	meta := o.meta(suffix)
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: meta,
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: meta.Name, MatchResources: o.reach(match), ValidationActions: o.actions(),
		},
	}
}
