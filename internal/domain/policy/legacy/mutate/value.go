package mutate

import (
	"encoding/json"
	"maps"
	"reflect"
)

// copied is a deep copy with integers as int64, the form Kubernetes decodes to.
func copied(value any) any {
	switch found := value.(type) {
	case map[string]any:
		result := make(map[string]any, len(found))
		for key, element := range found {
			result[key] = copied(element)
		}
		return result
	case []any:
		result := make([]any, len(found))
		for i, element := range found {
			result[i] = copied(element)
		}
		return result
	case int:
		return int64(found)
	case int32:
		return int64(found)
	case json.Number:
		return number(found)
	default:
		return value
	}
}

func number(text json.Number) any {
	if whole, err := text.Int64(); err == nil {
		return whole
	}
	if float, err := text.Float64(); err == nil {
		return float
	}
	return text.String()
}

// Equal tells whether two values are the same JSON.
func Equal(left, right any) bool { return reflect.DeepEqual(whole(left), whole(right)) }

func equal(left, right any) bool { return Equal(left, right) }

// whole makes floats without a fraction integers, so that decoders agree.
func whole(value any) any {
	switch found := copied(value).(type) {
	case map[string]any:
		for key, element := range found {
			found[key] = whole(element)
		}
		return found
	case []any:
		for i, element := range found {
			found[i] = whole(element)
		}
		return found
	case float64:
		if integer := int64(found); float64(integer) == found {
			return integer
		}
		return found
	default:
		return found
	}
}

func without(object map[string]any, key string) map[string]any {
	rest := maps.Clone(object)
	delete(rest, key)
	return rest
}
