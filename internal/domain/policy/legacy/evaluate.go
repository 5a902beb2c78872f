package legacy

import (
	"context"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// compiled is a policy that judges.
type compiled struct {
	info    policy.Info
	labels  map[string]string
	options Options
	rules   []*rule
	gate    *gate
	// one stops after the first rule that applies.
	one bool
	// closed tells that the policy says failurePolicy: Fail, roled that it asks
	// for the roles of who sent a request.
	closed, roled bool
}

// mutator is a policy that also changes objects.
type mutator struct{ *compiled }

var (
	_ policy.Evaluator = (*compiled)(nil)
	_ policy.Scoped    = (*compiled)(nil)
	_ policy.Explainer = (*compiled)(nil)
	_ policy.Mutator   = (*mutator)(nil)
)

// Info is what is known of the policy.
func (c *compiled) Info() policy.Info { return c.info }

// Scopes are the resources that the rules may concern.
func (c *compiled) Scopes() []policy.Scope {
	var scopes []policy.Scope
	for _, rule := range c.rules {
		scopes = append(scopes, rule.scopes...)
	}
	return scopes
}

// Validate lets the rules judge the request, in the order of the policy.
func (c *compiled) Validate(ctx context.Context, r *policy.Request, w policy.World) []policy.Result {
	open, broken := c.gate.lets(ctx, r, w)
	if !open {
		return nil
	}
	var results []policy.Result
	for _, rule := range c.rules {
		if rule.change != nil || !c.concerns(rule, r) {
			continue
		}
		found := broken
		if found == nil {
			found = c.judge(ctx, r, w, rule)
		}
		if found == nil {
			continue
		}
		results = append(results, c.result(rule, r, found))
		if c.one && (found.status == policy.Pass || found.status == policy.Fail) {
			break
		}
	}
	return results
}

func (c *compiled) concerns(rule *rule, r *policy.Request) bool {
	return !policy.Exempt(c.labels, r) && rule.about(r) && rule.blocks.Decide(r).Concerns()
}

// judge lets one rule judge the request.
func (c *compiled) judge(ctx context.Context, r *policy.Request, w policy.World, rule *rule) *verdict {
	switch {
	case rule.unsupported != "" && rule.guards:
		// What cannot be checked is not known to be fine.
		return &verdict{status: policy.Error, message: rule.unsupported}
	case rule.unsupported != "":
		return skips("%s", rule.unsupported)
	}
	found := c.decide(ctx, r, w, rule)
	if found == nil || found.status != policy.Fail || !rule.allowExisting || r.Operation != admissionv1.Update || r.OldObject == nil || r.Object == nil {
		return found
	}
	if before := c.before(ctx, r, w, rule); before != nil && before.status == policy.Fail && before.message == found.message {
		return skips("the object violated the rule before: %s", found.message)
	}
	return found
}

// before is what the rule would say of the object as it was.
func (c *compiled) before(ctx context.Context, r *policy.Request, w policy.World, rule *rule) *verdict {
	former := *r.With(r.OldObject)
	former.OldObject, former.Operation = nil, admissionv1.Create
	if !c.concerns(rule, &former) {
		return nil
	}
	return c.decide(ctx, &former, w, rule)
}

func (c *compiled) decide(ctx context.Context, r *policy.Request, w policy.World, rule *rule) *verdict {
	e := c.begin(ctx, r, w, rule)
	if skipped := e.ready(rule.preconditions); skipped != nil {
		return skipped
	}
	if rule.verify != nil {
		return rule.verify.judge(e)
	}
	return rule.judge.judge(e)
}

// result makes a verdict a result.
func (c *compiled) result(rule *rule, r *policy.Request, found *verdict) policy.Result {
	return policy.Result{
		Policy: c.info.Name, Kind: c.info.Kind, Rule: rule.name, Tier: rule.tiers.of(r), Lane: c.info.Lane,
		Status: found.status, Message: found.message, Field: found.field,
		Severity: c.info.Severity, Category: c.info.Category, Override: found.override,
	}
}

// Mutate changes the object by the rules in turn; each sees what those before it
// did.
func (m *mutator) Mutate(ctx context.Context, r *policy.Request, w policy.World, waived policy.Waived) (map[string]any, []policy.Result) {
	if open, broken := m.gate.lets(ctx, r, w); !open || broken != nil {
		return nil, m.unchanged(r, broken)
	}
	var object map[string]any
	var results []policy.Result
	for _, rule := range m.rules {
		if r.Object == nil || !rule.changes() || rule.unsupported != "" || !m.concerns(rule, r) {
			continue
		}
		changed, result := m.apply(ctx, r, w, rule, waived)
		if result == nil {
			continue
		}
		results = append(results, *result)
		if changed != nil {
			object, r = changed, r.With(changed)
		}
		if m.one && result.Status == policy.Pass {
			break
		}
	}
	return object, results
}

// unchanged are the results of the rules that would change the object, when it
// cannot be decided whether the policy concerns it. Without a verdict it does not.
func (m *mutator) unchanged(r *policy.Request, broken *verdict) []policy.Result {
	var results []policy.Result
	for _, rule := range m.rules {
		if broken != nil && rule.change != nil && r.Object != nil && m.concerns(rule, r) {
			results = append(results, m.result(rule, r, broken))
		}
	}
	return results
}

// apply changes the object by one rule. The object is nil when nothing changes,
// and so is the result when the rule has nothing to say.
func (m *mutator) apply(ctx context.Context, r *policy.Request, w policy.World, rule *rule, waived policy.Waived) (map[string]any, *policy.Result) {
	if override := m.waiver(rule, waived); override != "" {
		result := policy.Skipped(m.result(rule, r, skips("the rule changes nothing")), override)
		return nil, &result
	}
	e := m.begin(ctx, r, w, rule)
	changed, found := map[string]any(nil), e.ready(rule.preconditions)
	switch {
	case found != nil && rule.verify != nil:
		return nil, nil
	case found != nil:
	case rule.verify != nil:
		changed, found = rule.verify.change(e)
	default:
		changed, found = rule.change.change(e, r.Object)
	}
	if found == nil {
		return nil, nil
	}
	result := m.result(rule, r, found)
	return changed, &result
}

// waiver asks for an override where the rule mutates. What verifies images is
// waived as a judgement, not here.
func (m *mutator) waiver(rule *rule, waived policy.Waived) string {
	if waived == nil || rule.verify != nil {
		return ""
	}
	return waived(rule.name)
}
