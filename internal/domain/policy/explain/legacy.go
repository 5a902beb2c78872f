package explain

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// legacyOf is a legacy policy as one of the cluster, nil for anything else.
func legacyOf(object runtime.Object) *kyvernov1.ClusterPolicy {
	switch p := object.(type) {
	case *kyvernov1.ClusterPolicy:
		return p
	case *kyvernov1.Policy:
		return &kyvernov1.ClusterPolicy{TypeMeta: p.TypeMeta, ObjectMeta: p.ObjectMeta, Spec: p.Spec}
	}
	return nil
}

// detail puts single conditions in the place of what an evaluator tells of
// preconditions and denials as a whole.
func (p prober) detail(whole *kyvernov1.ClusterPolicy, steps []policy.Step) []policy.Step {
	var detailed []policy.Step
	for _, step := range steps {
		rule := ruleNamed(whole, step.Rule)
		switch {
		case rule == nil:
		case step.Kind == policy.StepPrecondition:
			detailed = append(detailed, p.preconditions(whole, rule)...)
		case step.Kind == policy.StepCheck && rule.Validate != nil && rule.Validate.Deny != nil:
			detailed = append(detailed, p.denial(whole, rule)...)
		}
		detailed = append(detailed, step)
	}
	return detailed
}

// ruleNamed is the rule of a name, or the one that autogen made it of.
func ruleNamed(whole *kyvernov1.ClusterPolicy, name string) *kyvernov1.Rule {
	written := strings.TrimPrefix(strings.TrimPrefix(name, "autogen-"), "cronjob-")
	for i := range whole.Spec.Rules {
		if rule := &whole.Spec.Rules[i]; rule.Name == name || rule.Name == written {
			return rule
		}
	}
	return nil
}

// preconditions asks about each precondition of a rule.
func (p prober) preconditions(whole *kyvernov1.ClusterPolicy, rule *kyvernov1.Rule) []policy.Step {
	var steps []policy.Step
	for _, c := range conditionsIn(rule.Preconditions) {
		got := p.ask(ruleProbe(whole, rule, c.alone(), nil))
		steps = append(steps, c.step(rule.Name, policy.StepPrecondition, got))
	}
	return steps
}

// denial asks about each condition of a denial: it holds when a denial by it
// alone denies.
func (p prober) denial(whole *kyvernov1.ClusterPolicy, rule *kyvernov1.Rule) []policy.Step {
	var steps []policy.Step
	for _, c := range conditionsIn(rule.Validate.Deny.Conditions) {
		got := p.ask(ruleProbe(whole, rule, rule.Preconditions, c.alone()))
		if got.status == policy.Skip {
			break // The preconditions have been told.
		}
		step := c.step(rule.Name, policy.StepCheck, got)
		step.OK = !step.OK && got.status != policy.Error
		steps = append(steps, step)
	}
	return steps
}

// ruleProbe is a policy with one rule, which denies where it applies and, if
// there are any, where the conditions hold.
func ruleProbe(whole *kyvernov1.ClusterPolicy, rule *kyvernov1.Rule, preconditions, conditions *kyvernov1.JSON) load.Document {
	probe := &kyvernov1.ClusterPolicy{TypeMeta: whole.TypeMeta, ObjectMeta: whole.ObjectMeta}
	background := false // Conditions may ask who asks.
	probe.Spec.Background = &background
	enforce := kyvernov1.Enforce
	probe.Spec.Rules = []kyvernov1.Rule{{
		Name: rule.Name, Context: rule.Context, Match: rule.Match, Exclude: rule.Exclude, Preconditions: preconditions,
		Validate: &kyvernov1.Validation{FailureAction: &enforce, Message: "holds", Deny: &kyvernov1.Deny{Conditions: conditions}},
	}}
	return load.Of(probe, "probe")
}

// condition is one condition of a list, and the list's name.
type condition struct {
	list string
	raw  json.RawMessage
}

// conditionsIn are the conditions of {any, all} or of a plain list.
func conditionsIn(value *kyvernov1.JSON) []condition {
	if value == nil {
		return nil
	}
	var found []condition
	var plain []json.RawMessage
	if json.Unmarshal(value.Raw, &plain) == nil {
		for _, raw := range plain {
			found = append(found, condition{"all", raw})
		}
		return found
	}
	var lists struct{ Any, All []json.RawMessage }
	if json.Unmarshal(value.Raw, &lists) != nil {
		return nil // The policy would not have compiled.
	}
	for _, raw := range lists.Any {
		found = append(found, condition{"any", raw})
	}
	for _, raw := range lists.All {
		found = append(found, condition{"all", raw})
	}
	return found
}

// alone is a block with this condition only.
func (c condition) alone() *kyvernov1.JSON {
	return &kyvernov1.JSON{Raw: fmt.Appendf(nil, `{"all":[%s]}`, c.raw)}
}

// step tells whether the condition holds: then the probe denies.
func (c condition) step(rule string, kind policy.StepKind, got answer) policy.Step {
	step := policy.Step{Rule: rule, Kind: kind, Source: c.list + ": " + c.text()}
	switch got.status {
	case policy.Fail, policy.Warn:
		step.OK, step.Outcome = true, "holds"
	case policy.Error:
		step.Outcome = "cannot be evaluated: " + got.message
	default:
		step.Outcome = "does not hold"
	}
	return step
}

// text is "key operator value".
func (c condition) text() string {
	var parts struct {
		Key      json.RawMessage `json:"key"`
		Operator string          `json:"operator"`
		Value    json.RawMessage `json:"value"`
	}
	if json.Unmarshal(c.raw, &parts) != nil {
		return string(c.raw)
	}
	return fmt.Sprintf("%s %s %s", parts.Key, parts.Operator, parts.Value)
}
