package draft

import (
	"encoding/json"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// Text fills in a template that is to be read by people or used as a name.
// What is no text is written as JSON; nothing is an empty text.
func Text(template *variable.Template, vars *variable.Context) (string, error) {
	if template == nil {
		return "", nil
	}
	value, err := template.Resolve(vars)
	if err != nil || value == nil {
		return "", err
	}
	if text, ok := pattern.Text(value); ok {
		return text, nil
	}
	written, err := json.Marshal(value)
	return string(written), err
}

// Query is an expression, which may have variables in it itself.
type Query struct {
	compiled *jmespath.Query
	template *variable.Template
}

// None tells that there is no expression.
func (q Query) None() bool { return q.compiled == nil && q.template == nil }

// fixed returns the expression with its variables filled in.
func (q Query) fixed(vars *variable.Context) (*jmespath.Query, error) {
	if q.template == nil {
		return q.compiled, nil
	}
	text, err := Text(q.template, vars)
	if err != nil {
		return nil, err
	}
	return jmespath.Compile(text)
}

// In evaluates the expression over the variables.
func (q Query) In(vars *variable.Context) (any, error) {
	fixed, err := q.fixed(vars)
	if err != nil {
		return nil, err
	}
	return vars.Query(fixed)
}

// Of evaluates the expression over data; without one it is the data.
func (q Query) Of(data any, vars *variable.Context) (any, error) {
	if q.None() {
		return data, nil
	}
	fixed, err := q.fixed(vars)
	if err != nil {
		return nil, err
	}
	return fixed.SearchIn(vars.Env(), data)
}
