package migrate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
)

// Rewritten is a rule and what it became.
type Rewritten struct {
	// Rule is the rule's name.
	Rule string
	// Policy is the rule as a policy of its own; nil when it was left.
	Policy client.Object
	// Left says why the rule stays as it is; empty when it was rewritten.
	Left string
	// Field is what was left of the rule, such as
	// "spec.rules[0].validate.foreach[0].list"; the rule where it is all of it.
	Field string
}

// Rewrite rewrites the rules of a policy, in their order.
func Rewrite(p *kyvernov1.ClusterPolicy) []Rewritten {
	rewritten := make([]Rewritten, len(p.Spec.Rules))
	for i, rule := range p.Spec.Rules {
		field := pathAt("spec.rules", i)
		rewritten[i].Rule, rewritten[i].Field = rule.Name, field
		made, err := rewrite(p, i)
		if err != nil {
			rewritten[i].Left = err.Error()
			if inner := fieldOf(err); inner != "" {
				rewritten[i].Field = field + "." + inner
			}
			continue
		}
		rewritten[i].Policy = made
	}
	return rewritten
}

// Single is the policy with one of its rules alone, to be proved equal: rules that
// change objects see what those before them changed. It is about the same kinds as
// the rule is among the others.
func Single(p *kyvernov1.ClusterPolicy, rule int) *kyvernov1.ClusterPolicy {
	single := p.DeepCopy()
	single.Spec.Rules = single.Spec.Rules[rule : rule+1]
	if kinds := makers(p, rule); len(p.Spec.Rules) > 1 {
		if single.Annotations == nil {
			single.Annotations = map[string]string{}
		}
		single.Annotations[autogen.Annotation] = cmp.Or(strings.Join(kinds, ","), "none")
	}
	return single
}

// makers are the kinds that make Pods for which a rule holds as well.
func makers(p *kyvernov1.ClusterPolicy, rule int) []string {
	all, err := autogen.Rules(p)
	if err != nil {
		return nil
	}
	var kinds []string
	for _, one := range all {
		if one.Index == rule {
			kinds = append(kinds, one.Kinds...)
		}
	}
	slices.Sort(kinds)
	return kinds
}

func rewrite(p *kyvernov1.ClusterPolicy, index int) (client.Object, error) {
	rule := p.Spec.Rules[index]
	if err := plain(p, rule); err != nil {
		return nil, err
	}
	r := &rewriting{policy: p, rule: rule, makers: makers(p, index)}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	switch {
	case rule.Validate != nil:
		return r.validating()
	case rule.Mutate != nil:
		return r.mutating()
	}
	return r.imageValidating()
}

// plain refuses what changes the meaning of the whole rule.
func plain(p *kyvernov1.ClusterPolicy, rule kyvernov1.Rule) error {
	switch {
	case rule.Validate == nil && rule.Mutate == nil && len(rule.VerifyImages) == 0:
		return left("it neither validates nor mutates nor verifies images")
	case strings.EqualFold(p.Spec.ApplyRules, "One") && len(p.Spec.Rules) > 1:
		return left("applyRules One has no like: policies do not know of each other")
	case len(rule.ImageExtractors) > 0:
		return at("imageExtractors", left("image extractors are not rewritten"))
	case len(p.Spec.ValidationFailureActionOverrides) > 0:
		return left("validationFailureActionOverrides have no like: write a policy for each action, with a namespace selector")
	}
	return nil
}

// rewriting is one rule on its way.
type rewriting struct {
	policy *kyvernov1.ClusterPolicy
	rule   kyvernov1.Rule
	// makers are the kinds that make Pods for which the rule holds as well.
	makers     []string
	matched    *admissionregistrationv1.MatchResources
	conditions []admissionregistrationv1.MatchCondition
	// now is about the object that is sent, before about the one before an update,
	// gone about the one that is deleted.
	now, before, gone about
	// concerned tells whether the rule was about the object as it was before.
	concerned string
	// deletes tells that the rule judges deletions.
	deletes bool
}

// prepare rewrites what decides whether the rule is about a request.
func (r *rewriting) prepare() error {
	var err error
	for _, side := range []struct {
		of    *about
		about about
	}{{&r.now, current()}, {&r.before, former()}, {&r.gone, deleted()}} {
		if *side.of, err = side.about.entries(r.rule.Context); err != nil {
			return err
		}
	}
	met, err := r.now.conditions(r.rule.Preconditions)
	if err != nil {
		return at("preconditions", err)
	}
	before, err := r.before.conditions(r.rule.Preconditions)
	if err != nil {
		return at("preconditions", err)
	}
	gone, err := r.gone.conditions(r.rule.Preconditions)
	if err != nil {
		return at("preconditions", err)
	}
	r.deletes = r.judges(admissionregistrationv1.Delete) && gone != "false"
	matched, err := r.match()
	if err != nil {
		return err
	}
	r.concerned = cel.And(matched, before)
	r.conditions = append(r.conditions, r.rule.CELPreconditions...)
	if r.deletes && gone != met {
		met = "request.operation == 'DELETE' ? (" + gone + ") : (" + met + ")"
	}
	if met != "true" {
		r.conditions = append(r.conditions, admissionregistrationv1.MatchCondition{Name: "preconditions", Expression: met})
	}
	return nil
}

// judges tells whether the rule says something of an operation, as the old form
// has it: without operations, patterns are about what is sent, and conditions
// about deletions too.
func (r *rewriting) judges(operation admissionregistrationv1.OperationType) bool {
	if operation != admissionregistrationv1.Delete {
		return r.operates(operation)
	}
	v := r.rule.Validate
	return v != nil && (v.Deny != nil || len(v.ForEach) > 0 || v.CEL != nil) && r.operates(operation)
}

// operates tells whether the match block takes an operation.
func (r *rewriting) operates(operation admissionregistrationv1.OperationType) bool {
	filters, _ := filtersOf(r.rule.Match)
	return slices.ContainsFunc(filters, func(filter kyvernov1.ResourceFilter) bool {
		return len(filter.Resources.Operations) == 0 || slices.Contains(filter.Resources.Operations, operation)
	})
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

// controllers are the resources that make Pods for which the rule holds as well.
// They are named, because debugging containers are matched beside the Pods.
func (r *rewriting) controllers() *policiesv1.PodControllersGenerationConfiguration {
	controllers := []string{}
	for _, kind := range r.makers {
		controllers = append(controllers, strings.ToLower(kind)+"s")
	}
	return &policiesv1.PodControllersGenerationConfiguration{Controllers: controllers}
}
