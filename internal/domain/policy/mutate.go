package policy

import (
	"context"
	"slices"
)

// Reinvoker is a Mutator that wants to run once more when a policy after it has
// changed the object: reinvocationPolicy IfNeeded.
type Reinvoker interface {
	Mutator
	// Reinvoke is constant.
	Reinvoke() bool
}

// Mutate changes the object by all policies in turn, and then once more by those
// that want to see what others changed after them. The object is nil when nothing
// was changed.
func (s *Set) Mutate(ctx context.Context, r *Request, w World) (map[string]any, []Result) {
	m := &mutating{set: s, request: r, world: w}
	var waiting, due []Mutator
	for _, evaluator := range s.evaluators {
		mutator, ok := evaluator.(Mutator)
		if !ok || m.request.Object == nil {
			continue
		}
		changed, results := m.run(ctx, mutator)
		m.results = append(m.results, results...)
		if changed {
			due, waiting = append(due, waiting...), nil
		}
		if reinvoker, ok := mutator.(Reinvoker); ok && reinvoker.Reinvoke() {
			waiting = append(waiting, mutator)
		}
	}
	for _, mutator := range due {
		_, results := m.run(ctx, mutator)
		m.results = append(m.results, slices.DeleteFunc(results, func(again Result) bool { return again.Status == Skip })...)
	}
	return m.object, m.results
}

// mutating is an object on its way through a set.
type mutating struct {
	set     *Set
	request *Request
	world   World
	object  map[string]any
	results []Result
}

// run lets one policy change the object, and tells whether it did.
func (m *mutating) run(ctx context.Context, mutator Mutator) (bool, []Result) {
	state := m.request
	changed, results := mutator.Mutate(ctx, state, m.world, func(rule string) string {
		return m.set.waiver(mutator, rule, state, m.world)
	})
	if changed != nil {
		m.object, m.request = changed, state.With(changed)
	}
	return changed != nil, results
}
