package legacy

import (
	"fmt"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/entry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// loop is what judging and changing each element of a list have in common.
type loop struct {
	list          draft.Query
	entries       []entry.Entry
	preconditions *condition.Conditions
	nesting       int
}

// loop compiles the head of a foreach, and returns the scope of its body.
func (c *compiler) loop(path, list string, entries []kyvernov1.ContextEntry, preconditions *kyvernov1.AnyAllConditions, scope variable.Scope, nesting int) (loop, variable.Scope) {
	made := loop{nesting: nesting}
	if list == "" {
		c.Wrong(path+".list", "is missing")
		list = "`[]`"
	}
	made.list = c.QueryOfScope(path+".list", list, scope)
	inner := scope.InForeach(nesting + 1)
	made.entries, inner = entry.Compile(c.Rule, path+".context", entries, inner)
	made.preconditions = condition.CompileAnyAll(c.Rule, path+".preconditions", preconditions, inner)
	return made, inner
}

// elements evaluates the list; what is no list is its only element.
func (l *loop) elements(e *evaluation) ([]any, error) {
	value, err := l.list.In(e.vars)
	if err != nil {
		return nil, err
	}
	if list, ok := value.([]any); ok {
		return list, nil
	}
	return []any{value}, nil
}

// foreachJudge judges each element of lists.
type foreachJudge struct{ lists []listJudge }

type listJudge struct {
	loop
	body judge
	// scoped tells whether patterns are compared to elements; nil where they are
	// objects.
	scoped *bool
}

func (c *compiler) foreach(path string, sources []kyvernov1.ForEachValidation, said message, scope variable.Scope, nesting int) judge {
	made := &foreachJudge{}
	for i, source := range sources {
		at := fmt.Sprintf("%s.foreach[%d]", path, i)
		head, inner := c.loop(at, source.List, source.Context, source.Preconditions, scope, nesting)
		body := c.judgement(at, judgementSource{source.Pattern, source.AnyPattern, source.Deny, source.ForEach}, said, inner, nesting+1)
		made.lists = append(made.lists, listJudge{head, body, source.ElementScope})
	}
	return made
}

func (f *foreachJudge) judge(e *evaluation) *verdict {
	applied := 0
	for i := range f.lists {
		elements, err := f.lists[i].elements(e)
		switch {
		case jmespath.IsNotFound(err):
			// A list that is not there has no elements.
			continue
		case err != nil:
			return errs("failed to evaluate the list", err)
		}
		count, found := f.lists[i].judgeAll(e, elements)
		if found != nil {
			return found
		}
		applied += count
	}
	if applied == 0 {
		return skips("rule skipped")
	}
	return passes("rule passed")
}

// judgeAll returns how many elements were judged and are fine, or the first
// failure, or the first error when there is none.
func (l *listJudge) judgeAll(e *evaluation, elements []any) (applied int, found *verdict) {
	for i, element := range elements {
		if element == nil || found != nil && e.context.Err() != nil {
			continue
		}
		one := l.judgeOne(e, element, i)
		switch {
		case one == nil || one.status == policy.Skip:
		case one.status == policy.Pass:
			applied++
		case one.status == policy.Fail:
			return applied, within(one)
		case found == nil:
			found = within(one)
		}
	}
	return applied, found
}

func within(one *verdict) *verdict {
	return &verdict{status: one.status, message: "validation failure: " + one.message, field: one.field}
}

func (l *listJudge) judgeOne(e *evaluation, element any, index int) *verdict {
	_, isObject := element.(map[string]any)
	scoped := isObject
	if l.scoped != nil {
		scoped = *l.scoped
	}
	if scoped && !isObject {
		return errs("failed to process foreach", fmt.Errorf("elementScope wants elements that are objects, element %d is %T", index, element))
	}
	inner := e.in(element, index, l.nesting, scoped).with(l.entries)
	if skipped := inner.ready(l.preconditions); skipped != nil {
		return skipped
	}
	return l.body.judge(inner)
}
