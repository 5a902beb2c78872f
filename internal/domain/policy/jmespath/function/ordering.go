package function

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"
)

// ordering are functions of jmespath.org that compare numbers or strings.
func ordering() []Function {
	ordered := NumberArray | StringArray
	return []Function{
		{Name: "max", Parameters: []Types{ordered}, Result: Number | String | Null, run: extreme(1)},
		{Name: "min", Parameters: []Types{ordered}, Result: Number | String | Null, run: extreme(-1)},
		{Name: "max_by", Parameters: []Types{Array, ExpressionType}, Result: Any, run: extremeBy(1)},
		{Name: "min_by", Parameters: []Types{Array, ExpressionType}, Result: Any, run: extremeBy(-1)},
		{Name: "sort", Parameters: []Types{ordered}, Result: Array, run: sorted},
		{Name: "sort_by", Parameters: []Types{Array, ExpressionType}, Result: Array, run: sortedBy},
	}
}

// compare two numbers or two strings.
func compare(a, b any) int {
	if text, ok := a.(string); ok {
		return cmp.Compare(text, str(b))
	}
	return cmp.Compare(number(a), number(b))
}

// extreme makes max of 1 and min of -1. Of nothing it is null.
func extreme(sign int) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) {
		var best any
		for i, element := range list(arguments[0]) {
			if i == 0 || sign*compare(element, best) > 0 {
				best = element
			}
		}
		return best, nil
	}
}

func extremeBy(sign int) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) {
		elements, err := keyed(arguments)
		if err != nil || len(elements) == 0 {
			return nil, err
		}
		best := elements[0]
		for _, element := range elements[1:] {
			if sign*compare(element.key, best.key) > 0 {
				best = element
			}
		}
		return best.element, nil
	}
}

func sorted(_ *Env, arguments []any) (any, error) {
	elements := slices.Clone(list(arguments[0]))
	slices.SortStableFunc(elements, compare)
	return elements, nil
}

func sortedBy(_ *Env, arguments []any) (any, error) {
	elements, err := keyed(arguments)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(elements, func(a, b withKey) int { return compare(a.key, b.key) })
	results := make([]any, len(elements))
	for i, element := range elements {
		results[i] = element.element
	}
	return results, nil
}

// withKey is an element and what an expression made of it.
type withKey struct{ element, key any }

// keyed evaluates the expression for all elements. The keys must be all numbers
// or all strings; a single element may have any.
func keyed(arguments []any) ([]withKey, error) {
	elements, expression := list(arguments[0]), arguments[1].(Expression)
	results := make([]withKey, len(elements))
	for i, element := range elements {
		key, err := expression(element)
		if err != nil {
			return nil, err
		}
		results[i] = withKey{element, key}
		if len(elements) == 1 {
			continue
		}
		if wanted := typeOf(results[0].key) & (Number | String); typeOf(key)&wanted == 0 {
			return nil, fmt.Errorf("the expression must give numbers only or strings only, gave %s for element %d", value.Type(key), i)
		}
	}
	return results, nil
}
