package scenario

import (
	"context"
	"fmt"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Verdict is what one policy says of one object.
type Verdict struct {
	Info   policy.Info
	Object Object
	// Changed is the object as this policy and those before it leave it; nil
	// when this one changed nothing.
	Changed map[string]any
	// Results of the policy's rules, those of mutations first. None when the
	// policy does not concern the object.
	Results []policy.Result
}

// Exemptions are the exceptions and overrides that there are. Implementations
// MUST be safe for concurrent use.
type Exemptions interface {
	// Exempt finds what takes a request out of a rule; the zero value if nothing
	// does.
	Exempt(info policy.Info, rule string, r *policy.Request, w policy.World) (Exemption, error)
	// Narrow finds what takes controls out of a podSecurity rule for a request.
	Narrow(info policy.Info, rule string, r *policy.Request, w policy.World) ([]policy.Narrowing, error)
}

// Exemption is what takes a request out of a rule.
type Exemption struct {
	// Name of the exception or override.
	Name string
	// Override tells that it is an override: it waives failures only. A rule with
	// an exception is skipped, whatever it would have said.
	Override bool
}

// Judge lets all policies change the object in turn, and then judge what came of
// it. There is a verdict for each policy, in their order, and the object as all
// of them leave it, nil when none changed it. Exemptions may be nil. An object that
// is created is not there yet: policies that look objects of files up do not find it.
func (s *Scenario) Judge(ctx context.Context, o Object, policies []policy.Evaluator, w policy.World, exempt Exemptions) ([]Verdict, map[string]any, error) {
	r, err := s.Request(o)
	if err != nil {
		return nil, nil, err
	}
	if w.Values == nil {
		w.Values = s.ValuesFor(o)
	}
	if files, ok := w.Lookup.(*Lookup); ok {
		w.Lookup = files.before(r)
	}
	verdicts, changed, err := Decide(ctx, r, policies, w, exempt)
	for i := range verdicts {
		verdicts[i].Object = o
	}
	return verdicts, changed, err
}

// Decide is Judge for a request, whose verdicts name no object.
func Decide(ctx context.Context, r *policy.Request, policies []policy.Evaluator, w policy.World, exempt Exemptions) ([]Verdict, map[string]any, error) {
	j := &judging{exempt: exempt, verdicts: make([]Verdict, len(policies))}
	w.Narrow = j.narrow
	j.world = w
	changed := j.mutate(ctx, r, policies)
	if changed != nil {
		r = r.With(changed)
	}
	r = r.Remembering()
	for i, evaluator := range policies {
		v := &j.verdicts[i]
		v.Info = evaluator.Info()
		for _, result := range evaluator.Validate(ctx, r, w) {
			v.Results = append(v.Results, j.except(v.Info, result, r))
		}
	}
	return j.verdicts, changed, j.err
}

// judging is one object's way through the policies.
type judging struct {
	world    policy.World
	exempt   Exemptions
	verdicts []Verdict
	err      error
}

// mutate runs the policies that change objects, each on what the ones before it
// left.
func (j *judging) mutate(ctx context.Context, r *policy.Request, policies []policy.Evaluator) map[string]any {
	var object map[string]any
	if r.Object == nil {
		return nil
	}
	for i, evaluator := range policies {
		mutator, ok := evaluator.(policy.Mutator)
		if !ok {
			continue
		}
		info, state := mutator.Info(), r
		changed, results := mutator.Mutate(ctx, r, j.world, func(rule string) string { return j.exemptBy(info, rule, state).Name })
		if changed != nil {
			object, r = changed, r.With(changed)
		}
		j.verdicts[i].Changed, j.verdicts[i].Results = changed, results
	}
	return object
}

// except turns the result of a rule that an exception covers into a skip.
func (j *judging) except(info policy.Info, result policy.Result, r *policy.Request) policy.Result {
	by := j.exemptBy(info, result.Rule, r)
	switch {
	case by.Name == "":
		return result
	case by.Override && (result.Status == policy.Pass || result.Status == policy.Skip):
		return result
	case by.Override:
		return policy.Skipped(result, by.Name)
	}
	result.Status, result.Override = policy.Skip, by.Name
	result.Message = fmt.Sprintf("rule is skipped due to policy exception %s", by.Name)
	return result
}

func (j *judging) exemptBy(info policy.Info, rule string, r *policy.Request) Exemption {
	if j.exempt == nil {
		return Exemption{}
	}
	by, err := j.exempt.Exempt(info, rule, r, j.world)
	j.note(err)
	return by
}

// narrow is the world's Narrow, for the one object.
func (j *judging) narrow(info policy.Info, rule string, r *policy.Request, w policy.World) []policy.Narrowing {
	if j.exempt == nil {
		return nil
	}
	found, err := j.exempt.Narrow(info, rule, r, w)
	j.note(err)
	return found
}

// note keeps the first error.
func (j *judging) note(err error) {
	if j.err == nil {
		j.err = err
	}
}

// Summary is what a policy as a whole says: its worst result, and that result's
// message. Policies of kinds without named rules are reported so. ok is false
// when the policy does not concern the object.
func Summary(results []policy.Result) (worst policy.Result, ok bool) {
	rank := map[policy.Status]int{policy.Skip: 1, policy.Pass: 2, policy.Warn: 3, policy.Fail: 4, policy.Error: 5}
	for _, result := range results {
		if !ok || rank[result.Status] > rank[worst.Status] {
			worst, ok = result, true
		}
	}
	return worst, ok
}
