package jmespath

import (
	"errors"
	"maps"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/function"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"
)

// node is a part of a compiled expression. It is immutable.
type node interface {
	// eval returns what the node makes of the data.
	eval(env *Env, data any) (any, error)
}

// lenient evaluates a node for which a missing key counts as null.
func lenient(n node, env *Env, data any) (any, error) {
	result, err := n.eval(env, data)
	if err != nil && IsNotFound(err) {
		return nil, nil
	}
	return result, err
}

// orNull evaluates a node that may fail, but not grow too large.
func orNull(n node, env *Env, data any) (any, error) {
	result, err := n.eval(env, data)
	if err == nil || errors.Is(err, errTooLarge) {
		return result, err
	}
	return nil, nil
}

// constant is a literal.
type constant struct{ value any }

func (n constant) eval(*Env, any) (any, error) { return n.value, nil }

// identity is "@".
type identity struct{}

func (identity) eval(_ *Env, data any) (any, error) { return data, nil }

// field is a name. Only an object can lack it: of anything else it is null.
type field struct {
	name string
	// quoted in double quotes.
	quoted bool
}

func (n field) eval(_ *Env, data any) (any, error) {
	object, ok := data.(map[string]any)
	if !ok {
		return nil, nil
	}
	found, ok := object[n.name]
	if !ok {
		return nil, &NotFoundError{Key: n.name}
	}
	return found, nil
}

// subexpression is "left.right" and "left[0]".
type subexpression struct{ left, right node }

func (n subexpression) eval(env *Env, data any) (any, error) {
	left, err := n.left.eval(env, data)
	if err != nil {
		return nil, err
	}
	return n.right.eval(env, left)
}

// index is "[0]"; negative ones count from the end.
type index struct{ position int }

func (n index) eval(_ *Env, data any) (any, error) {
	list, ok := data.([]any)
	if !ok {
		return nil, nil
	}
	position := n.position
	if position < 0 {
		position += len(list)
	}
	if position < 0 || position >= len(list) {
		return nil, nil
	}
	return list[position], nil
}

// slice is "[start:stop:step]".
type slice struct{ start, stop, step *int }

func (n slice) eval(_ *Env, data any) (any, error) {
	list, ok := data.([]any)
	if !ok {
		return nil, nil
	}
	step := 1
	if n.step != nil {
		step = *n.step
	}
	first, last := 0, len(list)
	if step < 0 {
		first, last = len(list)-1, -1
	}
	first, last = bounded(n.start, first, step, len(list)), bounded(n.stop, last, step, len(list))
	result := []any{}
	for i := first; step > 0 && i < last || step < 0 && i > last; i += step {
		result = append(result, list[i])
	}
	return result, nil
}

// bounded is a limit of a slice as a position within a list.
func bounded(limit *int, fallback, step, length int) int {
	if limit == nil {
		return fallback
	}
	position := *limit
	if position < 0 {
		position += length
	}
	if step < 0 {
		return min(max(position, -1), length-1)
	}
	return min(max(position, 0), length)
}

// projection applies right to each element of the list that is left, and drops
// nulls.
type projection struct{ left, right node }

func (n projection) eval(env *Env, data any) (any, error) {
	left, err := lenient(n.left, env, data)
	if err != nil {
		return nil, err
	}
	list, ok := left.([]any)
	if !ok {
		return nil, nil
	}
	return each(n.right, env, list)
}

func each(n node, env *Env, list []any) (any, error) {
	results := []any{}
	for _, element := range list {
		result, err := lenient(n, env, element)
		if err != nil {
			return nil, err
		}
		if result != nil {
			results = append(results, result)
		}
	}
	return results, nil
}

// valueProjection is "left.*": the values in the order of their keys.
type valueProjection struct{ left, right node }

func (n valueProjection) eval(env *Env, data any) (any, error) {
	left, err := orNull(n.left, env, data)
	if err != nil {
		return nil, err
	}
	object, ok := left.(map[string]any)
	if !ok {
		return nil, nil
	}
	list := make([]any, 0, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		list = append(list, object[key])
	}
	return each(n.right, env, list)
}

// filterProjection is "left[?condition]right".
type filterProjection struct{ left, right, condition node }

func (n filterProjection) eval(env *Env, data any) (any, error) {
	left, err := orNull(n.left, env, data)
	if err != nil {
		return nil, err
	}
	list, ok := left.([]any)
	if !ok {
		return nil, nil
	}
	var chosen []any
	for _, element := range list {
		meets, err := lenient(n.condition, env, element)
		if err != nil {
			return nil, err
		}
		if !value.IsFalse(meets) {
			chosen = append(chosen, element)
		}
	}
	return each(n.right, env, chosen)
}

// flattening is "left[]" without what follows: lists in the list are dissolved.
type flattening struct{ left node }

func (n flattening) eval(env *Env, data any) (any, error) {
	left, err := orNull(n.left, env, data)
	if err != nil {
		return nil, err
	}
	list, ok := left.([]any)
	if !ok {
		return nil, nil
	}
	flat := []any{}
	for _, element := range list {
		if inner, ok := element.([]any); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, element)
		}
	}
	return flat, nil
}

// multiSelectList is "[a, b]".
type multiSelectList struct{ elements []node }

func (n multiSelectList) eval(env *Env, data any) (any, error) {
	if data == nil {
		return nil, nil
	}
	results := make([]any, 0, len(n.elements))
	for _, element := range n.elements {
		result, err := lenient(element, env, data)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return bearable(results)
}

// bearable refuses what has grown too large. A list of expressions is the only
// way to repeat a value, and pipes can do that again and again.
func bearable(results any) (any, error) {
	if value.Size(results, MaxResult) > MaxResult {
		return nil, errTooLarge
	}
	return results, nil
}

// multiSelectHash is "{a: x, b: y}".
type multiSelectHash struct {
	keys   []string
	values []node
}

func (n multiSelectHash) eval(env *Env, data any) (any, error) {
	if data == nil {
		return nil, nil
	}
	results := make(map[string]any, len(n.keys))
	for i, key := range n.keys {
		result, err := lenient(n.values[i], env, data)
		if err != nil {
			return nil, err
		}
		results[key] = result
	}
	return bearable(results)
}

// piped is "left | right".
type piped struct{ left, right node }

func (n piped) eval(env *Env, data any) (any, error) {
	left, err := lenient(n.left, env, data)
	if err != nil {
		return nil, err
	}
	return lenient(n.right, env, left)
}

// call is a function with its arguments.
type call struct {
	function  function.Function
	arguments []node
}

func (n call) eval(env *Env, data any) (any, error) {
	arguments := make([]any, len(n.arguments))
	for i, argument := range n.arguments {
		var err error
		if arguments[i], err = lenient(argument, env, data); err != nil {
			return nil, err
		}
	}
	return n.function.Call(env, arguments)
}

// reference is "&expression": the expression itself as an argument.
type reference struct{ expression node }

func (n reference) eval(env *Env, _ any) (any, error) {
	return function.Expression(func(data any) (any, error) { return lenient(n.expression, env, data) }), nil
}
