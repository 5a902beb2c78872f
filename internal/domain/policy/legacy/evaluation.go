package legacy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/entry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// evaluation is one rule at work on one request. Copies of it go into the
// elements of foreach.
type evaluation struct {
	context context.Context
	request *policy.Request
	world   policy.World
	info    policy.Info
	rule    *rule
	vars    *variable.Context
	// given are the first names of values that a test gives for the rule.
	given []string
	// each are those of them that elements of foreach get one by one.
	each map[string]policy.PerElement
	// element is what patterns are compared to inside of foreach; nil for the
	// object.
	element map[string]any
}

// begin prepares the evaluation of a rule: the request's own variables, and the
// rule's context.
func (c *compiled) begin(ctx context.Context, r *policy.Request, w policy.World, rule *rule) *evaluation {
	e := &evaluation{context: ctx, request: r, world: w, info: c.info, rule: rule}
	e.vars = variable.ForRequest(r, c.options.env(w), rule.extractors)
	if w.Values != nil {
		e.give(w.Values(c.info.Name, rule.name))
	}
	return e.with(rule.entries)
}

// give defines values that a test gives.
func (e *evaluation) give(values map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		first, _, _ := strings.Cut(name, ".")
		e.given = append(e.given, first)
		if list, ok := values[name].(policy.PerElement); ok {
			e.each = including(e.each, name, list)
			continue
		}
		e.vars = e.vars.WithPath(name, values[name])
	}
}

func including(each map[string]policy.PerElement, name string, list policy.PerElement) map[string]policy.PerElement {
	if each == nil {
		each = map[string]policy.PerElement{}
	}
	each[name] = list
	return each
}

// with returns an evaluation that knows context entries, too. They are loaded
// when something first names them.
func (e *evaluation) with(entries []entry.Entry) *evaluation {
	wider := *e
	for _, one := range entries {
		if !slices.Contains(e.given, one.Name) {
			wider.vars = wider.vars.WithLazy(one.Name, func(below *variable.Context) (any, error) { return one.Load(e.context, e.world, below) })
		}
	}
	return &wider
}

// in returns the evaluation of one element of a list. Scoped tells whether
// patterns are compared to the element.
func (e *evaluation) in(element any, index, nesting int, scoped bool) *evaluation {
	inner := *e
	inner.vars = e.vars.WithElement(element, index, nesting)
	for _, name := range slices.Sorted(maps.Keys(e.each)) {
		if list := e.each[name]; index < len(list) {
			inner.vars = inner.vars.WithPath(name, list[index])
		}
	}
	if object, ok := element.(map[string]any); ok && scoped {
		inner.element = object
	}
	return &inner
}

// ready decides whether the rule applies: nil when its preconditions hold, and time is left.
func (e *evaluation) ready(preconditions *condition.Conditions) *verdict {
	holds, message, err := preconditions.Decide(e.vars)
	switch {
	case err != nil:
		return errs("failed to evaluate preconditions", err)
	case e.context.Err() != nil:
		return errs("there was no time left to judge it", context.Cause(e.context))
	case !holds:
		return skips("%s", strings.TrimSuffix("preconditions not met; "+message, "; "))
	}
	return nil
}
