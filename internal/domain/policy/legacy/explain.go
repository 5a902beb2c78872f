package legacy

import (
	"context"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Explain tells for each rule whether it concerns the request, whether its
// preconditions hold, and what it says.
func (c *compiled) Explain(ctx context.Context, r *policy.Request, w policy.World) []policy.Step {
	var steps []policy.Step
	open, broken := c.gate.lets(ctx, r, w)
	for _, rule := range c.rules {
		switch {
		case broken != nil:
			steps = append(steps, policy.Step{Rule: rule.name, Kind: policy.StepPrecondition, Source: gateField, Outcome: broken.message})
		case !open:
			steps = append(steps, policy.Step{Rule: rule.name, Kind: policy.StepPrecondition, Source: gateField, Outcome: "not met"})
		default:
			steps = append(steps, c.explain(ctx, r, w, rule)...)
		}
	}
	return steps
}

func (c *compiled) explain(ctx context.Context, r *policy.Request, w policy.World, rule *rule) []policy.Step {
	step := func(kind policy.StepKind, field string, ok bool, outcome string) policy.Step {
		return policy.Step{Rule: rule.name, Kind: kind, Source: rule.path + "." + field, OK: ok, Outcome: outcome}
	}
	if policy.Exempt(c.labels, r) {
		return []policy.Step{step(policy.StepMatch, "match", false, "namespace "+r.Namespace+" is the system's")}
	}
	if !rule.about(r) {
		return []policy.Step{step(policy.StepMatch, "match", false, "the rule was made for other kinds")}
	}
	decided := rule.blocks.Decide(r)
	if decided.Unmatched != "" {
		return []policy.Step{step(policy.StepMatch, "match", false, decided.Unmatched)}
	}
	steps := []policy.Step{step(policy.StepMatch, "match", true, "the request is selected")}
	if decided.Excluded {
		return append(steps, step(policy.StepExclude, "exclude", false, "the request is taken out"))
	}
	if rule.preconditions != nil {
		skipped := c.begin(ctx, r, w, rule).ready(rule.preconditions)
		if skipped != nil {
			return append(steps, step(policy.StepPrecondition, "preconditions", false, skipped.message))
		}
		steps = append(steps, step(policy.StepPrecondition, "preconditions", true, "hold"))
	}
	if rule.change != nil && rule.unsupported == "" {
		return append(steps, c.explainChange(ctx, r, w, rule))
	}
	found := c.judge(ctx, r, w, rule)
	if found == nil {
		return append(steps, step(policy.StepCheck, rule.part(), true, "nothing to judge"))
	}
	ok := found.status == policy.Pass || found.status == policy.Skip
	return append(steps, step(policy.StepCheck, rule.part(), ok, string(found.status)+": "+found.message))
}

func (c *compiled) explainChange(ctx context.Context, r *policy.Request, w policy.World, rule *rule) policy.Step {
	step := policy.Step{Rule: rule.name, Kind: policy.StepChange, Source: rule.path + ".mutate", OK: true, Outcome: "nothing to change"}
	if r.Object == nil {
		return step
	}
	if _, found := rule.change.change(c.begin(ctx, r, w, rule), r.Object); found != nil {
		step.OK, step.Outcome = found.status != policy.Error, string(found.status)+": "+found.message
	}
	return step
}

// part is the field of the rule that judges.
func (r *rule) part() string {
	if r.verify != nil {
		return "verifyImages"
	}
	return "validate"
}
