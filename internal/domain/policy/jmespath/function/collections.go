package function

import (
	"errors"
	"maps"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"
)

// collections are Kyverno's functions on arrays and objects.
func collections() []Function {
	return []Function{
		{Name: "items", Parameters: []Types{Object | Array, String, String}, Result: Array, run: items},
		{Name: "label_match", Parameters: []Types{Object, Object}, Result: Boolean, run: labelMatch},
		{Name: "lookup", Parameters: []Types{Object | Array, String | Number}, Result: Any, run: lookup},
		{Name: "object_from_lists", Parameters: []Types{Array, Array}, Result: Object, run: objectFromLists},
	}
}

// items lists what is in an object, in the order of its keys, or in an array,
// as objects with a key and a value.
func items(_ *Env, arguments []any) (any, error) {
	key, val := str(arguments[1]), str(arguments[2])
	entries := []any{}
	if elements, ok := arguments[0].([]any); ok {
		for i, element := range elements {
			entries = append(entries, map[string]any{key: float64(i), val: element})
		}
		return entries, nil
	}
	all := object(arguments[0])
	for _, name := range slices.Sorted(maps.Keys(all)) {
		entries = append(entries, map[string]any{key: name, val: all[name]})
	}
	return entries, nil
}

// labelMatch tells whether the second object has all that the first one has.
func labelMatch(_ *Env, arguments []any) (any, error) {
	labels := object(arguments[1])
	for key, wanted := range object(arguments[0]) {
		if found, ok := labels[key]; !ok || !value.Equal(found, wanted) {
			return false, nil
		}
	}
	return true, nil
}

// lookup is null where there is nothing.
func lookup(_ *Env, arguments []any) (any, error) {
	key, isName := arguments[1].(string)
	if all, ok := arguments[0].(map[string]any); ok {
		if !isName {
			return nil, errors.New("argument 2 must be of type string to look in an object")
		}
		return all[key], nil
	}
	if isName {
		return nil, errors.New("argument 2 must be of type number to look in an array")
	}
	position, err := integer(arguments[1])
	if err != nil {
		return nil, err
	}
	elements := list(arguments[0])
	if position < 0 || position >= len(elements) {
		return nil, nil
	}
	return elements[position], nil
}

// objectFromLists pairs keys with values; keys without a value have null.
func objectFromLists(_ *Env, arguments []any) (any, error) {
	paired, values := map[string]any{}, list(arguments[1])
	for i, key := range list(arguments[0]) {
		if typeOf(key)&(String|Number|Boolean) == 0 {
			return nil, errors.New("argument 1 must be an array of keys: strings, numbers or booleans")
		}
		name := scalarText(key)
		if yes, ok := key.(bool); ok {
			name = map[bool]string{true: "true", false: "false"}[yes]
		}
		paired[name] = nil
		if i < len(values) {
			paired[name] = values[i]
		}
	}
	return paired, nil
}
