package query

import (
	"errors"
	"fmt"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// call writes a function.
func (w *writer) call(t jmespath.Tree, in Expression) (Expression, error) {
	var arguments []Expression
	for _, part := range t.Parts {
		one, err := w.lenient(part, in)
		if err != nil {
			return one, err
		}
		if one.Text == "" {
			return one, fmt.Errorf("%s() of all that is known is not rewritten", t.Name)
		}
		arguments = append(arguments, one)
	}
	if t.Name == "to_array" {
		return w.array(arguments[0])
	}
	if t.Name == "to_string" && arguments[0].Optional {
		return Plain(arguments[0].Text+".optMap(v, string(v)).orValue('null')", Text), nil
	}
	for i := range arguments {
		arguments[i] = arguments[i].Value() // null is an error, as it is here
	}
	if len(arguments) == 1 {
		return ofOne(t.Name, arguments[0])
	}
	return ofTwo(t.Name, arguments)
}

// ofOne writes functions of one argument.
func ofOne(name string, of Expression) (Expression, error) {
	at := Operand(of.Text)
	switch name {
	case "length":
		return Plain("size("+of.Text+")", Number), nil
	case "to_string":
		if of.Kind == List || of.Kind == Object {
			return of, errors.New("to_string() of a list or an object is not rewritten")
		}
		return Plain("string("+of.Text+")", Text), nil
	case "to_number":
		return Plain("double("+of.Text+")", Number), nil
	case "to_upper":
		return Plain("string("+of.Text+").upperAscii()", Text), nil
	case "to_lower":
		return Plain("string("+of.Text+").lowerAscii()", Text), nil
	case "keys":
		return Plain(at+".map(k, k)", List), nil
	}
	return of, fmt.Errorf("the function %s() is not rewritten", name)
}

// ofTwo writes functions of two arguments.
func ofTwo(name string, of []Expression) (Expression, error) {
	if len(of) != 2 {
		return Expression{}, fmt.Errorf("the function %s() of %d arguments is not rewritten", name, len(of))
	}
	text := "string(" + of[0].Text + ")"
	if of[0].Kind == Text {
		text = Operand(of[0].Text)
	}
	switch name {
	case "contains":
		return contains(of[0], of[1]), nil
	case "starts_with":
		return Plain(text+".startsWith("+of[1].Text+")", Bool), nil
	case "ends_with":
		return Plain(text+".endsWith("+of[1].Text+")", Bool), nil
	case "split":
		return Plain(text+".split("+of[1].Text+")", List), nil
	case "join":
		return Plain(Operand(of[1].Text)+".join("+of[0].Text+")", Text), nil
	case "regex_match":
		return Plain("string("+of[1].Text+").matches("+of[0].Text+")", Bool), nil
	}
	return Expression{}, fmt.Errorf("the function %s() is not rewritten", name)
}

// contains tells of a text whether a part of it is another, of a list whether an
// element is.
func contains(in, what Expression) Expression {
	element := Operand(what.Text) + " in " + Operand(in.Text)
	part := "string(" + in.Text + ").contains(string(" + what.Text + "))"
	switch in.Kind {
	case List:
		return Plain(element, Bool)
	case Text:
		return Plain(part, Bool)
	default:
		return Plain("type("+in.Text+") == string ? "+part+" : "+element, Bool)
	}
}

// array makes a list of what is none; of null a list with null, which compares to
// nothing.
func (w *writer) array(of Expression) (Expression, error) {
	switch {
	case of.Kind == List:
		return of.Elements(), nil
	case of.Kind == Unknown || of.Optional:
		return of, errors.New("to_array() of what may be a list or not is not rewritten")
	}
	return Expression{Text: "[" + of.Text + "]", Kind: List}, nil
}
