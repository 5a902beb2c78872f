package migrate

import (
	"fmt"
	"maps"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/autogen"
)

// Rewritten is a rule and what it became.
type Rewritten struct {
	// Rule is the rule's name.
	Rule string
	// Policy is the rule as a policy of its own; nil when it was left.
	Policy client.Object
	// Left says why the rule stays as it is; empty when it was rewritten.
	Left string
}

// Rewrite rewrites the rules of a policy, in their order.
func Rewrite(p *kyvernov1.ClusterPolicy) []Rewritten {
	rewritten := make([]Rewritten, len(p.Spec.Rules))
	for i, rule := range p.Spec.Rules {
		rewritten[i].Rule = rule.Name
		made, err := rewrite(p, rule)
		if err != nil {
			rewritten[i].Left = err.Error()
			continue
		}
		rewritten[i].Policy = made
	}
	return rewritten
}

// Single is the policy with one of its rules alone, for Prove: rules that change
// objects see what those before them changed.
func Single(p *kyvernov1.ClusterPolicy, rule int) *kyvernov1.ClusterPolicy {
	single := p.DeepCopy()
	single.Spec.Rules = single.Spec.Rules[rule : rule+1]
	return single
}

// left is why a rule cannot be rewritten.
func left(format string, args ...any) error { return fmt.Errorf(format, args...) }

func rewrite(p *kyvernov1.ClusterPolicy, rule kyvernov1.Rule) (client.Object, error) {
	if err := plain(p, rule); err != nil {
		return nil, err
	}
	matched, conditions, err := matchOf(rule)
	if err != nil {
		return nil, err
	}
	preconditions, err := preconditionsOf(rule)
	if err != nil {
		return nil, err
	}
	if rule.Mutate == nil {
		debugging(matched)
	}
	r := &rewriting{policy: p, rule: rule, matched: matched, conditions: append(conditions, preconditions...)}
	switch {
	case rule.Validate != nil:
		return r.validating()
	case rule.Mutate != nil:
		return r.mutating()
	case len(rule.VerifyImages) > 0:
		return r.imageValidating()
	}
	return nil, left("it neither validates nor mutates nor verifies images")
}

// plain refuses what changes the meaning of the whole rule.
func plain(p *kyvernov1.ClusterPolicy, rule kyvernov1.Rule) error {
	switch {
	case len(rule.Context) > 0:
		return left("context entries are not rewritten: write them as variables with resource.Get or resource.List")
	case strings.EqualFold(p.Spec.ApplyRules, "One") && len(p.Spec.Rules) > 1:
		return left("applyRules One has no like: policies do not know of each other")
	case len(rule.ImageExtractors) > 0:
		return left("image extractors are not rewritten")
	case len(p.Spec.ValidationFailureActionOverrides) > 0:
		return left("validationFailureActionOverrides have no like: write a policy for each action, with a namespace selector")
	}
	return nil
}

// rewriting is one rule on its way.
type rewriting struct {
	policy     *kyvernov1.ClusterPolicy
	rule       kyvernov1.Rule
	matched    *admissionregistrationv1.MatchResources
	conditions []admissionregistrationv1.MatchCondition
}

// meta is the metadata of the new policy: named after the rule where there are
// several, in the tier that the old one had.
func (r *rewriting) meta() (metav1.ObjectMeta, error) {
	meta := metav1.ObjectMeta{Name: r.policy.Name, Namespace: r.policy.Namespace, Labels: maps.Clone(r.policy.Labels), Annotations: maps.Clone(r.policy.Annotations)}
	if len(r.policy.Spec.Rules) > 1 {
		meta.Name += "-" + strings.ToLower(strings.NewReplacer(" ", "-", "_", "-").Replace(r.rule.Name))
	}
	action := policy.Audit
	switch {
	case r.rule.Mutate != nil:
		action = policy.Mutate
	case r.enforced():
		action = policy.Enforce
	}
	tier, err := policy.TierOf(meta.Labels, meta.Annotations, action)
	if err != nil {
		return meta, err
	}
	if meta.Labels == nil {
		meta.Labels = map[string]string{}
	}
	meta.Labels[policy.TierLabel] = strings.ToLower(string(tier))
	return meta, nil
}

// enforced tells whether failures of the rule block.
func (r *rewriting) enforced() bool {
	action := r.policy.Spec.ValidationFailureAction
	if r.rule.Validate != nil && r.rule.Validate.FailureAction != nil {
		action = *r.rule.Validate.FailureAction
	}
	for _, check := range r.rule.VerifyImages {
		if check.FailureAction != nil {
			action = *check.FailureAction
		}
	}
	return strings.EqualFold(string(action), string(kyvernov1.Enforce))
}

func (r *rewriting) actions() []admissionregistrationv1.ValidationAction {
	if r.enforced() {
		return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
	}
	return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit}
}

// controllers are those that rules about Pods hold for as well. They are named,
// because debugging containers are matched beside the Pods.
func (r *rewriting) controllers() *policiesv1.PodControllersGenerationConfiguration {
	const annotation = "pod-policies.kyverno.io/autogen-controllers"
	wanted, said := r.policy.Annotations[annotation]
	switch {
	case !said:
		return &policiesv1.PodControllersGenerationConfiguration{Controllers: autogen.Controllers()}
	case wanted == "none":
		return &policiesv1.PodControllersGenerationConfiguration{Controllers: []string{}}
	}
	var controllers []string
	for name := range strings.SplitSeq(wanted, ",") {
		controllers = append(controllers, strings.ToLower(strings.TrimSpace(name))+"s")
	}
	return &policiesv1.PodControllersGenerationConfiguration{Controllers: controllers}
}

// validating makes a ValidatingPolicy.
func (r *rewriting) validating() (client.Object, error) {
	validations, err := r.validations()
	if err != nil {
		return nil, err
	}
	meta, err := r.meta()
	if err != nil {
		return nil, err
	}
	made := &policiesv1.ValidatingPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policies.kyverno.io/v1", Kind: "ValidatingPolicy"},
		ObjectMeta: meta,
		Spec: policiesv1.ValidatingPolicySpec{
			ValidationActions: r.actions(),
			MatchConstraints:  r.matched,
			MatchConditions:   r.conditions,
			Validations:       validations,
		},
	}
	if r.rule.Validate.CEL != nil {
		made.Spec.Variables = r.rule.Validate.CEL.Variables
		made.Spec.AuditAnnotations = r.rule.Validate.CEL.AuditAnnotations
	}
	made.Spec.Autogen = &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: r.controllers()}
	return made, nil
}

// validations are the checks of a validate rule.
func (r *rewriting) validations() ([]admissionregistrationv1.Validation, error) {
	v := r.rule.Validate
	var expression string
	var err error
	switch {
	case v.CEL != nil:
		if v.CEL.ParamKind != nil {
			return nil, left("parameters are not rewritten: write a ValidatingAdmissionPolicy")
		}
		return v.CEL.Expressions, nil
	case v.Pattern != nil:
		expression, err = patternOf(v.Pattern)
	case v.AnyPattern != nil:
		expression, err = anyPatternOf(v.AnyPattern)
	case v.Deny != nil:
		if expression, err = denyOf(v.Deny); err == nil {
			expression = "!(" + expression + ")"
		}
	case v.PodSecurity != nil:
		err = left("podSecurity is not rewritten: the platform's catalogue has the same checks in CEL (roadbed policy list --catalogue)")
	case len(v.ForEach) > 0:
		expression, err = forEachOf(v.ForEach)
	default:
		err = left("this way to validate is not rewritten")
	}
	if err != nil {
		return nil, err
	}
	validation := admissionregistrationv1.Validation{Expression: expression}
	if !strings.Contains(v.Message, "{{") {
		validation.Message = strings.TrimSpace(v.Message)
	} else if validation.MessageExpression, err = textOf(v.Message); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	return []admissionregistrationv1.Validation{validation}, nil
}
