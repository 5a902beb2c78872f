// Package value tells of JSON values what JMESPath wants to know: their type,
// whether they are equal, and whether they count as false.
//
// A number may be a float64, an int64 or an int; whatever holds it, two numbers
// of the same size are equal.
package value

import "reflect"

// Number returns the number that v holds.
func Number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	default:
		return 0, false
	}
}

// Type is the name of v's type in JMESPath: null, boolean, number, string,
// array or object; or the name of a Go type that JSON does not have.
func Type(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64, int64, int:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	default:
		return reflect.TypeOf(v).String()
	}
}

// IsFalse tells whether v counts as false: null, false, and an empty string,
// array or object. Zero is not false.
func IsFalse(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

// Equal compares two values deeply.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		other, ok := b.(string)
		return ok && a == other
	case bool:
		other, ok := b.(bool)
		return ok && a == other
	case []any:
		other, ok := b.([]any)
		return ok && equalLists(a, other)
	case map[string]any:
		other, ok := b.(map[string]any)
		return ok && equalObjects(a, other)
	}
	left, leftOK := Number(a)
	right, rightOK := Number(b)
	return leftOK && rightOK && left == right
}

func equalLists(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalObjects(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		other, ok := b[key]
		if !ok || !Equal(value, other) {
			return false
		}
	}
	return true
}

// Size estimates how long v is as JSON, and stops counting beyond most: a value
// that holds itself many times over may be far longer than its memory.
func Size(v any, most int) int {
	size := 1
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case []any:
		for _, element := range v {
			if size += 1 + Size(element, most-size); size > most {
				break
			}
		}
	case map[string]any:
		for key, element := range v {
			if size += len(key) + 3 + Size(element, most-size); size > most {
				break
			}
		}
	}
	return size
}
