package function

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"
)

// standard are functions of jmespath.org that order nothing.
func standard() []Function {
	return []Function{
		{Name: "abs", Parameters: []Types{Number}, Result: Number, run: rounded(math.Abs)},
		{Name: "ceil", Parameters: []Types{Number}, Result: Number, run: rounded(math.Ceil)},
		{Name: "floor", Parameters: []Types{Number}, Result: Number, run: rounded(math.Floor)},
		{Name: "avg", Parameters: []Types{NumberArray}, Result: Number | Null, run: average},
		{Name: "contains", Parameters: []Types{Array | String, Any}, Result: Boolean, run: contains},
		{Name: "starts_with", Parameters: []Types{String, String}, Result: Boolean, run: affix(strings.HasPrefix)},
		{Name: "ends_with", Parameters: []Types{String, String}, Result: Boolean, run: affix(strings.HasSuffix)},
		{Name: "join", Parameters: []Types{String, StringArray}, Result: String, run: join},
		{Name: "keys", Parameters: []Types{Object}, Result: Array, run: keys},
		{Name: "values", Parameters: []Types{Object}, Result: Array, run: values},
		{Name: "length", Parameters: []Types{String | Array | Object}, Result: Number, run: length},
		{Name: "map", Parameters: []Types{ExpressionType, Array}, Result: Array, run: mapped},
		{Name: "merge", Parameters: []Types{Object}, Variadic: true, Result: Object, run: merge},
		{Name: "not_null", Parameters: []Types{Any}, Variadic: true, Result: Any, run: notNull},
		{Name: "reverse", Parameters: []Types{Array | String}, Result: Array | String, run: reverse},
		{Name: "to_array", Parameters: []Types{Any}, Result: Array, run: toArray},
		{Name: "to_number", Parameters: []Types{Any}, Result: Number | Null, run: toNumber},
		{Name: "to_string", Parameters: []Types{Any}, Result: String, run: toString},
		{Name: "type", Parameters: []Types{Any}, Result: String, run: typeName},
	}
}

// rounded makes a function of one on numbers.
func rounded(round func(float64) float64) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) { return round(number(arguments[0])), nil }
}

// affix makes a function of a test on two strings.
func affix(has func(s, part string) bool) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) { return has(str(arguments[0]), str(arguments[1])), nil }
}

// average of nothing is null.
func average(_ *Env, arguments []any) (any, error) {
	numbers := list(arguments[0])
	if len(numbers) == 0 {
		return nil, nil
	}
	total := 0.0
	for _, n := range numbers {
		total += number(n)
	}
	return total / float64(len(numbers)), nil
}

func contains(_ *Env, arguments []any) (any, error) {
	if text, ok := arguments[0].(string); ok {
		part, ok := arguments[1].(string)
		return ok && strings.Contains(text, part), nil
	}
	return slices.ContainsFunc(list(arguments[0]), func(element any) bool { return value.Equal(element, arguments[1]) }), nil
}

func join(_ *Env, arguments []any) (any, error) {
	glue, parts := str(arguments[0]), list(arguments[1])
	words, size := make([]string, len(parts)), len(glue)*max(0, len(parts)-1)
	for i, part := range parts {
		words[i] = str(part)
		size += len(words[i])
	}
	if size > MaxText {
		return nil, tooLong(size)
	}
	return strings.Join(words, glue), nil
}

// keys are sorted, so that a result does not change from run to run.
func keys(_ *Env, arguments []any) (any, error) {
	names := []any{}
	for _, key := range slices.Sorted(maps.Keys(object(arguments[0]))) {
		names = append(names, key)
	}
	return names, nil
}

// values are in the order of their keys.
func values(_ *Env, arguments []any) (any, error) {
	all, o := []any{}, object(arguments[0])
	for _, key := range slices.Sorted(maps.Keys(o)) {
		all = append(all, o[key])
	}
	return all, nil
}

func length(_ *Env, arguments []any) (any, error) {
	switch v := arguments[0].(type) {
	case string:
		return float64(utf8.RuneCountInString(v)), nil
	case []any:
		return float64(len(v)), nil
	default:
		return float64(len(object(v))), nil
	}
}

func mapped(_ *Env, arguments []any) (any, error) {
	expression, elements := arguments[0].(Expression), list(arguments[1])
	results := make([]any, len(elements))
	for i, element := range elements {
		var err error
		if results[i], err = expression(element); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// merge lets later objects win.
func merge(_ *Env, arguments []any) (any, error) {
	merged := map[string]any{}
	for _, argument := range arguments {
		maps.Copy(merged, object(argument))
	}
	return merged, nil
}

func notNull(_ *Env, arguments []any) (any, error) {
	for _, argument := range arguments {
		if argument != nil {
			return argument, nil
		}
	}
	return nil, nil
}

func reverse(_ *Env, arguments []any) (any, error) {
	if text, ok := arguments[0].(string); ok {
		characters := []rune(text)
		slices.Reverse(characters)
		return string(characters), nil
	}
	turned := slices.Clone(list(arguments[0]))
	slices.Reverse(turned)
	return turned, nil
}

func toArray(_ *Env, arguments []any) (any, error) {
	if elements, ok := arguments[0].([]any); ok {
		return elements, nil
	}
	return []any{arguments[0]}, nil
}

// toNumber is null for what is no number.
func toNumber(_ *Env, arguments []any) (any, error) {
	if n, ok := value.Number(arguments[0]); ok {
		return n, nil
	}
	text, ok := arguments[0].(string)
	if !ok {
		return nil, nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
		return n, nil
	}
	return nil, nil
}

func toString(_ *Env, arguments []any) (any, error) {
	written, err := Text(arguments[0])
	if err != nil {
		return nil, err
	}
	return written, nil
}

// Text is a string as it is, and anything else as JSON, no longer than MaxText.
func Text(v any) (string, error) {
	if text, ok := v.(string); ok {
		return text, nil
	}
	if size := value.Size(v, MaxText); size > MaxText {
		return "", tooLong(size)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("writing a value as JSON: %w", err)
	}
	return string(encoded), nil
}

func typeName(_ *Env, arguments []any) (any, error) { return value.Type(arguments[0]), nil }
