package query

import (
	"errors"
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
)

// list writes what is made of lists.
func (w *writer) list(t jmespath.Tree, in Expression) (Expression, error) {
	switch t.Part {
	case jmespath.PartProjection:
		left, err := w.lenient(t.Parts[0], in)
		if err != nil {
			return left, err
		}
		left = w.listed(left)
		if t.Parts[1].Part == jmespath.PartIdentity {
			return left, nil
		}
		return w.follow(left, func(list Expression) (Expression, error) { return w.each(list, t.Parts[1]) })
	case jmespath.PartFilter:
		left, err := w.lenient(t.Parts[0], in)
		if err != nil {
			return left, err
		}
		left = w.listed(left)
		return w.follow(left, func(list Expression) (Expression, error) { return w.filtered(list, t) })
	case jmespath.PartFlattening:
		return w.flattened(t.Parts[0], in)
	case jmespath.PartList:
		return w.literal(t, in)
	default:
		return Expression{}, fmt.Errorf("%s is not rewritten", t.Part)
	}
}

// listed is a value as a list. The rules of a Role are the one list of Kubernetes'
// own that is written as null where it is empty: those who want to know ask.
func (w *writer) listed(e Expression) Expression {
	if e.Kind == Unknown && e.Optional && strings.HasSuffix(e.Text, ".?rules") {
		v := w.variable()
		e.Text += ".optFlatMap(" + v + ", " + v + " == null ? optional.none() : optional.of(" + v + "))"
	}
	if e.Kind == Unknown {
		e.Kind = List
	}
	return e
}

// each applies a part to the elements of a list, and leaves out what is null.
func (w *writer) each(list Expression, right jmespath.Tree) (Expression, error) {
	made := Expression{Text: list.Text, Kind: List, Nested: list.Nested}
	if right.Part == jmespath.PartIdentity {
		return made, nil
	}
	v := w.variable()
	inner, err := w.lenient(right, Expression{Text: v})
	if err != nil {
		return made, err
	}
	made.Nested = inner.Kind == Unknown || inner.Kind == List
	name := strings.TrimPrefix(inner.Text, v+".?")
	switch {
	case !inner.Optional:
		made.Text = Operand(list.Text) + ".map(" + v + ", " + inner.Text + ")"
	case inner.Text != name && !strings.ContainsAny(name, ".?[("):
		made.Text = Operand(list.Text) + ".filter(" + v + ", " + cel.Present(v, name) + ").map(" + v + ", " + cel.Field(v, name) + ")"
	default:
		made.Text = Operand(list.Text) + ".filter(" + v + ", " + inner.Text + ".hasValue()).map(" + v + ", " + inner.Text + ".value())"
	}
	return made, nil
}

// filtered keeps the elements for which the condition is true.
func (w *writer) filtered(list Expression, t jmespath.Tree) (Expression, error) {
	v := w.variable()
	condition, err := w.truth(t.Parts[2], Expression{Text: v})
	if err != nil {
		return list, err
	}
	kept := Expression{Text: Operand(list.Text) + ".filter(" + v + ", " + condition + ")", Kind: List, Nested: list.Nested}
	return w.each(kept, t.Parts[1])
}

// flattened writes "left[]". Several lists in one, which most policies mean by it,
// are added; fields that are lists have no lists as their elements.
func (w *writer) flattened(left jmespath.Tree, in Expression) (Expression, error) {
	if left.Part == jmespath.PartSub && left.Parts[1].Part == jmespath.PartList {
		of, err := w.lenient(left.Parts[0], in)
		if err != nil {
			return of, err
		}
		return w.added(left.Parts[1], of)
	}
	if left.Part == jmespath.PartList {
		return w.added(left, in)
	}
	list, err := w.lenient(left, in)
	if err != nil {
		return list, err
	}
	if list.Text == "" || list.Kind == Text || list.Kind == Number || list.Kind == Bool || list.Kind == Object {
		return list, errors.New("[] after what is no list is not rewritten")
	}
	list = w.listed(list)
	if !list.Nested {
		return list, nil
	}
	list.Nested = false
	return w.follow(list, func(at Expression) (Expression, error) {
		at.Text = Operand(at.Text) + ".flatten()"
		return at, nil
	})
}

// added are several lists, one after the other; those that are not there are
// empty. So is the sum where there is nothing that could have them, which is null
// in JMESPath: as a list it has no elements in both.
func (w *writer) added(t jmespath.Tree, in Expression) (Expression, error) {
	var lists []string
	for _, part := range t.Parts {
		one, err := w.lenient(part, in)
		if err != nil {
			return one, err
		}
		if one.Text == "" || one.Constant {
			return one, errors.New("a list of what are no lists is not rewritten")
		}
		lists = append(lists, one.Elements().Text)
	}
	return Expression{Text: "(" + strings.Join(lists, " + ") + ")", Kind: List}, nil
}

// literal writes "[a, b]"; what is null would be an element.
func (w *writer) literal(t jmespath.Tree, in Expression) (Expression, error) {
	var elements []string
	for _, part := range t.Parts {
		one, err := w.lenient(part, in)
		if err != nil {
			return one, err
		}
		if one.Optional || one.Text == "" {
			return one, errors.New("a list with what may be null is not rewritten; [] behind it would leave that out")
		}
		elements = append(elements, "dyn("+one.Text+")")
	}
	return Expression{Text: "[" + strings.Join(elements, ", ") + "]", Kind: List, Nested: true}, nil
}
