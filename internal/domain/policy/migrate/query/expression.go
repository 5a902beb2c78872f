package query

import (
	"fmt"
	"maps"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
)

// Kind is what is known of a value.
type Kind int

// The kinds.
const (
	// Unknown may be anything.
	Unknown Kind = iota
	// Text is a string.
	Text
	// Number is an int or a double.
	Number
	// Bool is true or false.
	Bool
	// List is a list.
	List
	// Texts is a list that stands for a text where it has one element alone: what
	// becomes of "list || ''".
	Texts
	// Object is a map.
	Object
)

// Expression is a value in CEL.
type Expression struct {
	Text string
	Kind Kind
	// Optional tells that the text is an optional, of which none stands for null.
	Optional bool
	// Certain tells that the value is always there and never empty.
	Certain bool
	// Nested tells that elements of the list may be lists.
	Nested bool
	// Fields are fields that are written otherwise than as fields of the text. A
	// value without a text has no others.
	Fields map[string]Expression
	// Literal is the value of a constant; Constant tells that it is one.
	Literal  any
	Constant bool
}

// Plain is an expression for something that is there.
func Plain(text string, kind Kind) Expression { return Expression{Text: text, Kind: kind} }

// Fixed is an expression for a value that is known.
func Fixed(value any) (Expression, error) {
	text, ok := cel.Literal(value)
	if !ok {
		return Expression{}, fmt.Errorf("a value of type %T is not rewritten", value)
	}
	made := Expression{Text: text, Kind: kindOf(value), Literal: value, Constant: true}
	if value == nil {
		made.Text, made.Optional = "optional.none()", true
	}
	return made, nil
}

func kindOf(value any) Kind {
	switch value.(type) {
	case string:
		return Text
	case bool:
		return Bool
	case int, int64, float64:
		return Number
	case []any:
		return List
	case map[string]any:
		return Object
	}
	return Unknown
}

// When tells whether something holds of the value; of null nothing does.
func (e Expression) When(variable string, holds func(Expression) (string, error)) (string, error) {
	if !e.Optional {
		return holds(e)
	}
	inner := e
	inner.Text, inner.Optional = variable, false
	condition, err := holds(inner)
	if err != nil {
		return "", err
	}
	return e.Text + ".optMap(" + variable + ", " + condition + ").orValue(false)", nil
}

// Value is the value, which must be there: null is an error, as it is for
// functions.
func (e Expression) Value() Expression {
	if e.Optional {
		e.Text, e.Optional = e.Text+".value()", false
	}
	return e
}

// Elements are the elements of a list; null has none.
func (e Expression) Elements() Expression {
	if e.Optional {
		e.Text, e.Optional = e.Text+".orValue([])", false
	}
	return e
}

// nothing are the values that count as false.
const nothing = "[dyn(null), dyn(false), dyn(''), dyn([]), dyn({})]"

// filled tells whether a value that is there counts as true.
func (e Expression) filled() string {
	switch e.Kind {
	case Text:
		return e.Text + " != ''"
	case Bool:
		return e.Text
	case Number:
		return "true"
	case List, Texts, Object:
		return "size(" + e.Text + ") > 0"
	default:
		return "!(" + e.Text + " in " + nothing + ")"
	}
}

// Operand puts an expression in parentheses where it has an operator outside of
// brackets and texts.
func Operand(text string) string {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // whatever follows is of the text
		case c == '\'':
			quoted = !quoted
		case quoted:
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case c == ' ' && depth == 0:
			return "(" + text + ")"
		}
	}
	return text
}

// With is the same with one more field.
func (e Expression) With(name string, field Expression) Expression {
	fields := maps.Clone(e.Fields)
	if fields == nil {
		fields = map[string]Expression{}
	}
	fields[name] = field
	e.Fields = fields
	return e
}
