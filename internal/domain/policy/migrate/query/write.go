package query

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
)

// Write says a query in CEL. The data are what the query begins with: an
// Expression without a text, whose fields are what the names mean.
func Write(text string, data Expression) (Expression, error) {
	return write(text, data, (*writer).strict)
}

// Lenient says a query in CEL of which null is as good as nothing: a missing key
// is no error.
func Lenient(text string, data Expression) (Expression, error) {
	return write(text, data, (*writer).lenient)
}

func write(text string, data Expression, how func(*writer, jmespath.Tree, Expression) (Expression, error)) (Expression, error) {
	compiled, err := jmespath.Compile(text)
	if err != nil {
		return Expression{}, err
	}
	written, err := how(&writer{}, compiled.Tree(), data)
	if err == nil && written.Text == "" {
		err = fmt.Errorf("all of %q is not rewritten: name a field", text)
	}
	if err != nil {
		return Expression{}, fmt.Errorf("{{ %s }}: %w", text, err)
	}
	return written, nil
}

// writer writes one query, with a new name for each variable.
type writer struct{ variables int }

func (w *writer) variable() string {
	w.variables++
	return "v" + strconv.Itoa(w.variables)
}

// strict writes a part of which a missing key is an error.
func (w *writer) strict(t jmespath.Tree, in Expression) (Expression, error) {
	switch t.Part {
	case jmespath.PartConstant:
		return Fixed(t.Value)
	case jmespath.PartIdentity:
		return in, nil
	case jmespath.PartField:
		return w.field(in, t, false)
	case jmespath.PartSub:
		left, err := w.strict(t.Parts[0], in)
		if err != nil {
			return left, err
		}
		return w.follow(left, func(at Expression) (Expression, error) { return w.strict(t.Parts[1], at) })
	case jmespath.PartIndex:
		position, _ := t.Value.(int)
		return w.index(in, position)
	case jmespath.PartPipe:
		left, err := w.lenient(t.Parts[0], in)
		if err != nil {
			return left, err
		}
		return w.lenient(t.Parts[1], left)
	case jmespath.PartOr:
		return w.either(t, in)
	case jmespath.PartCall:
		return w.call(t, in)
	case jmespath.PartComparison:
		if slices.Contains(arithmetic, t.Name) {
			return w.ordered(t, in)
		}
		return w.condition(t, in)
	case jmespath.PartAnd:
		return w.both(t, in)
	case jmespath.PartNot:
		return w.condition(t, in)
	default:
		return w.list(t, in)
	}
}

// condition writes a part that is true or false.
func (w *writer) condition(t jmespath.Tree, in Expression) (Expression, error) {
	text, err := w.truth(t, in)
	return Plain(text, Bool), err
}

// both writes "left && right" as a value: it is one of the two, and so true or false
// only where they are.
func (w *writer) both(t jmespath.Tree, in Expression) (Expression, error) {
	for _, part := range t.Parts {
		one, err := w.lenient(part, in)
		if err != nil {
			return one, err
		}
		if one.Kind != Bool || one.Optional {
			return one, errors.New("&& of what is more than true or false is not rewritten")
		}
	}
	return w.condition(t, in)
}

// lenient writes a part of which a missing key counts as null.
func (w *writer) lenient(t jmespath.Tree, in Expression) (Expression, error) {
	switch t.Part {
	case jmespath.PartField:
		return w.field(in, t, true)
	case jmespath.PartSub:
		left, err := w.lenient(t.Parts[0], in)
		if err != nil {
			return left, err
		}
		if t.Parts[1].Part == jmespath.PartField {
			return w.field(left, t.Parts[1], true)
		}
		return w.follow(left, func(at Expression) (Expression, error) { return w.lenient(t.Parts[1], at) })
	default:
		return w.strict(t, in)
	}
}

// field writes a field of a value.
func (w *writer) field(in Expression, t jmespath.Tree, lenient bool) (Expression, error) {
	name := t.Name
	if known, ok := in.Fields[name]; ok {
		return known, nil
	}
	switch {
	case in.Text == "" && t.Value == true:
		return Fixed(nil) // double quotes that were meant as those of a text
	case in.Text == "":
		return Expression{}, fmt.Errorf("%q has no like in CEL", name)
	case in.Kind == List || in.Kind == Texts || in.Constant:
		return Expression{}, fmt.Errorf("the field %q of what is no object is not rewritten", name)
	}
	made := Expression{Optional: lenient || in.Optional}
	if texts.MatchString(in.Text) {
		made.Kind = Text
	}
	switch {
	case lenient:
		made.Text = cel.Optional(Operand(in.Text), name)
	case in.Optional:
		v := w.variable()
		made.Text = in.Text + ".optMap(" + v + ", " + cel.Field(v, name) + ")"
	default:
		made.Text = cel.Field(Operand(in.Text), name)
	}
	return made, nil
}

// texts are maps whose values are texts.
var texts = regexp.MustCompile(`\.\??(labels|annotations|matchLabels|nodeSelector)$`)

// follow continues after a value; what follows null is null.
func (w *writer) follow(left Expression, then func(Expression) (Expression, error)) (Expression, error) {
	if !left.Optional || left.Fields != nil {
		return then(left)
	}
	inner := left
	inner.Text, inner.Optional = w.variable(), false
	made, err := then(inner)
	if err != nil {
		return made, err
	}
	macro := ".optMap("
	if made.Optional {
		macro = ".optFlatMap("
	}
	made.Text, made.Optional, made.Certain, made.Constant = left.Text+macro+inner.Text+", "+made.Text+")", true, false, false
	return made, nil
}

// index writes an element of a list by its place.
func (w *writer) index(in Expression, position int) (Expression, error) {
	if in.Text == "" || position < 0 {
		return Expression{}, fmt.Errorf("the index [%d] is not rewritten", position)
	}
	return Expression{Text: Operand(in.Text) + "[?" + strconv.Itoa(position) + "]", Optional: true}, nil
}

// either writes "left || right".
func (w *writer) either(t jmespath.Tree, in Expression) (Expression, error) {
	left, err := w.lenient(t.Parts[0], in)
	if err != nil || left.Certain {
		return left, err
	}
	right, err := w.lenient(t.Parts[1], in)
	if err != nil {
		return right, err
	}
	switch {
	case right.Constant && right.Literal == nil:
		return left, nil
	case right.Constant && isEmpty(right.Literal) && left.Kind == List && right.Kind == Text:
		return w.standsFor(left), nil
	case right.Constant && left.Optional && (isEmpty(right.Literal) || right.Kind == Number) && (left.Kind == Unknown || left.Kind == right.Kind):
		left.Text, left.Optional, left.Kind = Operand(left.Text)+".orValue("+right.Text+")", false, kindOfEither(left, right)
		return left, nil
	}
	return w.first(left, right)
}

// kindOfEither is what is known of a field or an alternative: an empty text says
// little, since it stands for lists as well.
func kindOfEither(left, alternative Expression) Kind {
	if alternative.Kind == Text && alternative.Literal == "" && left.Kind != Text {
		return Unknown
	}
	return alternative.Kind
}

func isEmpty(value any) bool {
	switch value := value.(type) {
	case string:
		return value == ""
	case bool:
		return !value
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return value == nil
}

// standsFor is a list, or an empty text where it has no elements.
func (w *writer) standsFor(list Expression) Expression {
	v := w.variable()
	list.Text = "[" + list.Elements().Text + "].map(" + v + ", size(" + v + ") > 0 ? " + v + " : [''])[0]"
	list.Optional, list.Kind = false, Texts
	return list
}

// first writes the left value where it counts as true, and the right one else.
func (w *writer) first(left, right Expression) (Expression, error) {
	made := Expression{Kind: left.Kind, Optional: true}
	if right.Kind != left.Kind {
		made.Kind = Unknown
	}
	if !left.Optional {
		left.Text, left.Optional = "optional.of("+left.Text+")", true
	}
	v := left
	v.Text, v.Optional = w.variable(), false
	kept := left.Text + ".optFlatMap(" + v.Text + ", " + v.filled() + " ? optional.of(" + v.Text + ") : optional.none())"
	made.Text = kept + ".or(" + right.Text + ")"
	if !right.Optional {
		made.Text, made.Optional = kept+".orValue("+right.Text+")", false
	}
	return made, nil
}

// arithmetic compares numbers.
var arithmetic = []string{"<", "<=", ">", ">="}

// truth writes a part of which it counts whether it is true.
func (w *writer) truth(t jmespath.Tree, in Expression) (string, error) {
	switch t.Part {
	case jmespath.PartOr, jmespath.PartAnd:
		left, err := w.truth(t.Parts[0], in)
		if err != nil {
			return "", err
		}
		right, err := w.truth(t.Parts[1], in)
		if t.Part == jmespath.PartOr {
			return cel.Or(left, right), err
		}
		return cel.And(left, right), err
	case jmespath.PartNot:
		inner, err := w.truth(t.Parts[0], in)
		return cel.Not(inner), err
	case jmespath.PartComparison:
		return w.comparison(t, in)
	default:
	}
	value, err := w.lenient(t, in)
	if err != nil {
		return "", err
	}
	return value.When(w.variable(), func(e Expression) (string, error) { return e.filled(), nil })
}

// comparison writes == and != of any two values, and the order of numbers.
func (w *writer) comparison(t jmespath.Tree, in Expression) (string, error) {
	if slices.Contains(arithmetic, t.Name) {
		made, err := w.ordered(t, in)
		if made.Optional {
			made.Text += ".orValue(false)"
		}
		return made.Text, err
	}
	left, err := w.lenient(t.Parts[0], in)
	if err != nil {
		return "", err
	}
	right, err := w.lenient(t.Parts[1], in)
	if err != nil {
		return "", err
	}
	if left.Optional != right.Optional {
		left, right = optional(left), optional(right)
	}
	return Operand(left.Text) + " " + t.Name + " " + Operand(right.Text), nil
}

// ordered writes the order of numbers; it is null where one of them is.
func (w *writer) ordered(t jmespath.Tree, in Expression) (Expression, error) {
	left, err := w.lenient(t.Parts[0], in)
	if err != nil {
		return left, err
	}
	right, err := w.lenient(t.Parts[1], in)
	if err != nil {
		return right, err
	}
	return w.follow(left, func(l Expression) (Expression, error) {
		return w.follow(right, func(r Expression) (Expression, error) {
			return Plain("double("+l.Text+") "+t.Name+" double("+r.Text+")", Bool), nil
		})
	})
}

func optional(e Expression) Expression {
	if !e.Optional {
		e.Text, e.Optional = "optional.of("+e.Text+")", true
	}
	return e
}
