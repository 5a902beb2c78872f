package native

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// Mutating turns a policy into native ones. There are no objects when there is
// a reason against it. An error means that the policy itself is wrong.
func Mutating(p *policiesv1.MutatingPolicy, opts Options) (Objects, Reason, error) {
	return mutating("MutatingPolicy", p, opts)
}

// NamespacedMutating does the same for a policy of one namespace.
func NamespacedMutating(p *policiesv1.NamespacedMutatingPolicy, opts Options) (Objects, Reason, error) {
	return mutating("NamespacedMutatingPolicy", &policiesv1.MutatingPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec}, opts)
}

func mutating(kind string, p *policiesv1.MutatingPolicy, opts Options) (Objects, Reason, error) {
	o, err := newOrigin(kind, p, policy.Mutate, opts)
	if err != nil {
		return nil, "", err
	}
	if reason := whyNotMutating(p); reason != "" {
		return nil, reason, nil
	}
	var objects Objects
	for _, v := range mutatingVariants(p) {
		objects = append(objects, o.mutatingPolicy(v), o.mutatingBinding(v.suffix(), v.spec.MatchConstraints))
	}
	return objects, "", nil
}

func whyNotMutating(p *policiesv1.MutatingPolicy) Reason {
	spec := &p.Spec
	if e := spec.Evaluation; e != nil {
		if reason := whyNotEvaluated(&policiesv1.EvaluationConfiguration{Mode: e.Mode, Admission: e.Admission}); reason != "" {
			return reason
		}
		if e.MutateExisting != nil && e.MutateExisting.Enabled != nil && *e.MutateExisting.Enabled {
			return AboutExisting
		}
	}
	if spec.TargetMatchConstraints != nil {
		return AboutExisting
	}
	if spec.MatchConstraints == nil || len(spec.MatchConstraints.ResourceRules) == 0 {
		return MatchesNothing
	}
	return Reason(engine.NeedsMutating(p))
}

func (o origin) mutatingPolicy(v variant[policiesv1.MutatingPolicySpec]) *admissionv1.MutatingAdmissionPolicy {
	waived := o.waived()
	native := &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: o.meta(v.suffix()),
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			MatchConstraints:   o.constraints(v.spec.MatchConstraints),
			MatchConditions:    v.spec.MatchConditions,
			Variables:          append(slices.Clip(v.spec.Variables), waived...),
			FailurePolicy:      failure(v.spec.FailurePolicy),
			ReinvocationPolicy: v.spec.ReinvocationPolicy,
		},
	}
	if native.Spec.ReinvocationPolicy == "" {
		native.Spec.ReinvocationPolicy = admissionv1.NeverReinvocationPolicy
	}
	for i, mutation := range v.spec.Mutations {
		if len(waived) > 0 {
			mutation = unlessWaived(*mutation.DeepCopy(), v.rule("mutations", i))
		}
		native.Spec.Mutations = append(native.Spec.Mutations, mutation)
	}
	return native
}

// unlessWaived makes a mutation change nothing where an override covers it.
func unlessWaived(m admissionv1.Mutation, rule string) admissionv1.Mutation {
	clause := override.Clause(rule)
	if m.ApplyConfiguration != nil {
		m.ApplyConfiguration.Expression = clause + " ? Object{} : (" + m.ApplyConfiguration.Expression + ")"
	}
	if m.JSONPatch != nil {
		m.JSONPatch.Expression = clause + " ? [] : (" + m.JSONPatch.Expression + ")"
	}
	return m
}

func (o origin) mutatingBinding(suffix string, match *admissionv1.MatchResources) *admissionv1.MutatingAdmissionPolicyBinding {
	meta := o.meta(suffix)
	return &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: meta,
		Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: meta.Name, MatchResources: o.reach(match)},
	}
}
