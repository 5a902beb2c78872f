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

// legacy asks of each rule about match, exclude, each precondition and each
// condition of a denial, and tells what the rule says.
func (p prober) legacy(whole *kyvernov1.ClusterPolicy, results []policy.Result) []policy.Step {
	var steps []policy.Step
	for i := range whole.Spec.Rules {
		rule := &whole.Spec.Rules[i]
		asked, goes := p.selection(whole, rule)
		steps = append(steps, asked...)
		if !goes {
			continue
		}
		if rule.Validate != nil && rule.Validate.Deny != nil {
			steps = append(steps, p.denial(whole, rule)...)
		}
		steps = append(steps, checks(nil, resultsOf(rule.Name, results))...)
	}
	return steps
}

// resultsOf are the results of a rule and of those that autogen made of it.
func resultsOf(rule string, results []policy.Result) []policy.Result {
	var found []policy.Result
	for _, result := range results {
		name := strings.TrimPrefix(strings.TrimPrefix(result.Rule, "autogen-"), "cronjob-")
		if result.Rule == rule || name == rule {
			found = append(found, result)
		}
	}
	return found
}

// selection asks whether a rule applies.
func (p prober) selection(whole *kyvernov1.ClusterPolicy, rule *kyvernov1.Rule) (steps []policy.Step, goes bool) {
	match := policy.Step{Rule: rule.Name, Kind: policy.StepMatch, Source: "match"}
	if !p.ask(ruleProbe(whole, rule, false, nil, nil)).concerned {
		match.Outcome = "does not select the request: another kind, operation, name, namespace, label or user"
		return []policy.Step{match}, false
	}
	match.OK, match.Outcome = true, "selects the request"
	steps = []policy.Step{match}
	if rule.Exclude != nil {
		exclude := policy.Step{Rule: rule.Name, Kind: policy.StepExclude, Source: "exclude", OK: true, Outcome: "does not take the request out"}
		if !p.ask(ruleProbe(whole, rule, true, nil, nil)).concerned {
			exclude.OK, exclude.Outcome = false, "takes the request out"
			return append(steps, exclude), false
		}
		steps = append(steps, exclude)
	}
	for _, c := range conditionsIn(rule.Preconditions) {
		got := p.ask(ruleProbe(whole, rule, true, c.alone(), nil))
		steps = append(steps, c.step(rule.Name, policy.StepPrecondition, got))
	}
	return steps, true
}

// denial asks about each condition of a denial: it holds when a denial by it
// alone denies.
func (p prober) denial(whole *kyvernov1.ClusterPolicy, rule *kyvernov1.Rule) []policy.Step {
	var steps []policy.Step
	for _, c := range conditionsIn(rule.Validate.Deny.Conditions) {
		got := p.ask(ruleProbe(whole, rule, true, rule.Preconditions, c.alone()))
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
func ruleProbe(whole *kyvernov1.ClusterPolicy, rule *kyvernov1.Rule, exclude bool, preconditions, conditions *kyvernov1.JSON) load.Document {
	probe := &kyvernov1.ClusterPolicy{TypeMeta: whole.TypeMeta, ObjectMeta: whole.ObjectMeta}
	enforce := kyvernov1.Enforce
	only := kyvernov1.Rule{
		Name: rule.Name, Context: rule.Context, Match: rule.Match, Preconditions: preconditions,
		Validate: &kyvernov1.Validation{FailureAction: &enforce, Message: "holds", Deny: &kyvernov1.Deny{Conditions: conditions}},
	}
	if exclude {
		only.Exclude = rule.Exclude
	}
	if preconditions == nil && conditions == nil {
		only.Context = nil // What it looks up has nothing to do with the selection.
	}
	probe.Spec.Rules = []kyvernov1.Rule{only}
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
