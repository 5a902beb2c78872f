package expression

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tree is a JSON value with expressions in it.
type Tree struct{ root node }

// node is a part of a Tree. It gives its value, and false to be left out.
type node interface {
	value(ctx context.Context, r *rendering) (any, bool, error)
}

// rendering is one evaluation of a Tree.
type rendering struct {
	vars   Vars
	budget *Budget
	// unknown has expressions that read resources stand for themselves.
	unknown bool
}

// CompileTree compiles the expressions in a JSON value, which it keeps no hold
// of. It returns nil after having added a fault.
func (s *Scope) CompileTree(field string, value any, faults *Faults) *Tree {
	before := len(faults.found)
	root := s.compile(field, value, faults)
	if len(faults.found) > before {
		return nil
	}
	return &Tree{root: root}
}

func (s *Scope) compile(field string, value any, faults *Faults) node {
	switch v := value.(type) {
	case map[string]any:
		made := branches{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if strings.Contains(key, "${") {
				faults.Add(field, "the name %q holds an expression: only values may", key)
				continue
			}
			made = append(made, branch{key, s.compile(join(field, key), v[key], faults)})
		}
		return made
	case []any:
		made := make(items, 0, len(v))
		for i, item := range v {
			made = append(made, s.compile(fmt.Sprintf("%s[%d]", field, i), item, faults))
		}
		return made
	case string:
		return s.compileText(field, v, faults)
	default:
		return constant{v}
	}
}

// join is the path of a field within another.
func join(field, key string) string {
	if strings.ContainsAny(key, "./[] ") {
		return fmt.Sprintf("%s[%q]", field, key)
	}
	return field + "." + key
}

func (s *Scope) compileText(field, source string, faults *Faults) node {
	pieces, err := scan(source)
	if err != nil {
		faults.Add(field, "%v", err)
		return constant{}
	}
	if len(pieces) == 1 && pieces[0].expression {
		return whole{s.Compile(field, pieces[0].text, Anything, faults)}
	}
	made := words{}
	for _, piece := range pieces {
		each := word{text: piece.text}
		if piece.expression {
			each.expression = s.Compile(field, piece.text, Plain, faults)
		}
		made = append(made, each)
	}
	if len(made) == 0 {
		return constant{""}
	}
	return made
}

// Expressions calls a function with each expression of the tree.
func (t *Tree) Expressions(each func(*Expression)) { visit(t.root, each) }

func visit(n node, each func(*Expression)) {
	switch v := n.(type) {
	case branches:
		for _, branch := range v {
			visit(branch.node, each)
		}
	case items:
		for _, item := range v {
			visit(item, each)
		}
	case whole:
		each(v.expression)
	case words:
		for _, word := range v {
			if word.expression != nil {
				each(word.expression)
			}
		}
	}
}

// Value is the JSON value with every expression's value in its place. Its error
// is a Fault.
func (t *Tree) Value(ctx context.Context, vars Vars, budget *Budget) (any, error) {
	value, _, err := t.root.value(ctx, &rendering{vars: vars, budget: budget})
	return value, err
}

// Preview is Value before any of the resources is known: expressions that read
// them stay as they were written.
func (t *Tree) Preview(ctx context.Context, vars Vars, budget *Budget) (any, error) {
	value, _, err := t.root.value(ctx, &rendering{vars: vars, budget: budget, unknown: true})
	return value, err
}

// constant is a value without expressions.
type constant struct{ json any }

func (c constant) value(context.Context, *rendering) (any, bool, error) { return c.json, true, nil }

// branches are an object's fields.
type branches []branch

type branch struct {
	key  string
	node node
}

func (b branches) value(ctx context.Context, r *rendering) (any, bool, error) {
	made := make(map[string]any, len(b))
	for _, branch := range b {
		value, ok, err := branch.node.value(ctx, r)
		if err != nil {
			return nil, false, err
		}
		if ok {
			made[branch.key] = value
		}
	}
	return made, true, nil
}

// items are a list's items.
type items []node

func (l items) value(ctx context.Context, r *rendering) (any, bool, error) {
	made := make([]any, 0, len(l))
	for _, item := range l {
		value, ok, err := item.value(ctx, r)
		if err != nil {
			return nil, false, err
		}
		if ok {
			made = append(made, value)
		}
	}
	return made, true, nil
}

// whole is a string that is one expression: its value takes the string's place.
type whole struct{ expression *Expression }

func (w whole) value(ctx context.Context, r *rendering) (any, bool, error) {
	if r.unknown && w.expression.Reads(Resources) {
		return "${" + w.expression.source + "}", true, nil
	}
	return w.expression.JSON(ctx, r.vars, r.budget)
}

// words are a string with expressions in it.
type words []word

type word struct {
	text       string
	expression *Expression
}

func (w words) value(ctx context.Context, r *rendering) (any, bool, error) {
	var made strings.Builder
	for _, word := range w {
		text, err := word.in(ctx, r)
		if err != nil {
			return nil, false, err
		}
		made.WriteString(text)
	}
	return made.String(), true, nil
}

func (w word) in(ctx context.Context, r *rendering) (string, error) {
	switch {
	case w.expression == nil:
		return w.text, nil
	case r.unknown && w.expression.Reads(Resources):
		return "${" + w.expression.source + "}", nil
	}
	value, err := w.expression.Value(ctx, r.vars, r.budget)
	if err != nil {
		return "", err
	}
	text, err := within(value)
	if err != nil {
		return "", w.expression.fault(err)
	}
	return text, nil
}
