package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Set is the policies that are in force together. It is immutable: replace it
// as a whole.
type Set struct {
	evaluators []Evaluator
	waivers    Waivers
	narrow     Narrow
}

// NewSet returns a set that asks policies in the order of their names. Waivers
// may be nil.
func NewSet(evaluators []Evaluator, waivers Waivers) *Set {
	sorted := slices.Clone(evaluators)
	slices.SortStableFunc(sorted, func(a, b Evaluator) int {
		return cmp.Compare(a.Info().Name, b.Info().Name)
	})
	return &Set{evaluators: sorted, waivers: waivers, narrow: narrowBy(waivers)}
}

// narrowBy asks for overrides of single controls where the policy may be waived.
func narrowBy(waivers Waivers) Narrow {
	if waivers == nil {
		return nil
	}
	return func(info Info, rule string, r *Request, w World) []Narrowing {
		if !info.Tier.Waivable() {
			return nil
		}
		return waivers.Narrows(info, rule, r, w.Now)
	}
}

// Evaluators are the policies of the set. The caller must not change the slice.
func (s *Set) Evaluators() []Evaluator { return s.evaluators }

// Decision is what a set says of a request.
type Decision struct {
	// Object is the object after mutation; nil when nothing was changed.
	Object map[string]any
	// Results of all rules that concern the request: those of mutations first.
	Results []Result
}

// Allowed tells whether no result refuses.
func (d Decision) Allowed() bool { return !slices.ContainsFunc(d.Results, Result.Refuses) }

// Refusal is the message for who sent the request; empty if it is allowed.
func (d Decision) Refusal() string { return sentences(d.Results, Result.Refuses) }

// Warnings are the messages to be shown though the request is allowed.
func (d Decision) Warnings() []string {
	var warnings []string
	for _, result := range d.Results {
		if result.Warns() {
			warnings = append(warnings, sentence(result))
		}
	}
	return warnings
}

// Decide mutates the request's object by all policies in turn and lets all of
// them judge what came of it.
func (s *Set) Decide(ctx context.Context, r *Request, w World) Decision {
	object, results := s.Mutate(ctx, r, w)
	mutated := r
	if object != nil {
		mutated = r.With(object)
	}
	return Decision{Object: object, Results: append(results, s.Validate(ctx, mutated, w)...)}
}

// Validate lets all policies judge the request as it is.
func (s *Set) Validate(ctx context.Context, r *Request, w World) []Result {
	var results []Result
	r = r.Remembering()
	w.Narrow = s.narrow
	for _, evaluator := range s.evaluators {
		for _, result := range judge(ctx, evaluator, r, w) {
			results = append(results, s.waive(evaluator, result, r, w))
		}
	}
	return results
}

// waive turns a failure into a skip where an override covers it.
func (s *Set) waive(evaluator Evaluator, result Result, r *Request, w World) Result {
	if result.Status != Fail && result.Status != Error && result.Status != Warn {
		return result
	}
	if name := s.waiver(evaluator, result.Rule, r, w); name != "" {
		return Skipped(result, name)
	}
	return result
}

func (s *Set) waiver(evaluator Evaluator, rule string, r *Request, w World) string {
	info := evaluator.Info()
	if s.waivers == nil || !info.Tier.Waivable() {
		return ""
	}
	return s.waivers.Waives(info, rule, r, w.Now)
}

// Skipped returns the result as the override leaves it.
func Skipped(result Result, override string) Result {
	result.Status, result.Override = Skip, override
	result.Message = fmt.Sprintf("waived by override %q: %s", override, result.Message)
	return result
}
