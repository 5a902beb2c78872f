package condition

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// answer of a comparison: it may also make no sense.
type answer int

const (
	senseless answer = iota
	yes
	no
)

func answerOf(same bool) answer {
	if same {
		return yes
	}
	return no
}

func equals(key, value any) bool { return compare(key, value) == yes }

// notEquals holds as well for what cannot be compared, but not for null.
func notEquals(key, value any) bool {
	answer := compare(key, value)
	return answer == no || answer == senseless && key != nil
}

// compare wants both sides to be of one kind, but for numbers and durations that
// are written as texts.
func compare(key, value any) answer {
	switch typed := key.(type) {
	case bool:
		other, ok := value.(bool)
		if !ok {
			return senseless
		}
		return answerOf(typed == other)
	case int64:
		return compareInteger(typed, value)
	case float64:
		return compareFloat(typed, value)
	case string:
		return compareText(typed, value)
	case map[string]any:
		if _, ok := value.(map[string]any); !ok {
			return senseless
		}
		return answerOf(reflect.DeepEqual(normal(key), normal(value)))
	case []any:
		if _, ok := value.([]any); !ok {
			return senseless
		}
		return answerOf(reflect.DeepEqual(normal(key), normal(value)))
	default:
		return senseless
	}
}

func compareInteger(key int64, value any) answer {
	switch typed := value.(type) {
	case int64:
		return answerOf(key == typed)
	case float64:
		if typed != math.Trunc(typed) {
			return senseless
		}
		return answerOf(float64(key) == typed)
	case string:
		if left, right, ok := durations(key, value); ok {
			return answerOf(left == right)
		}
		number, err := strconv.ParseInt(typed, 10, 64)
		if err != nil {
			return senseless
		}
		return answerOf(key == number)
	default:
		return senseless
	}
}

func compareFloat(key float64, value any) answer {
	switch typed := value.(type) {
	case int64:
		if key != math.Trunc(key) {
			return senseless
		}
		return answerOf(key == float64(typed))
	case float64:
		return answerOf(key == typed)
	case string:
		number, err := strconv.ParseFloat(typed, 64)
		if err != nil {
			return senseless
		}
		return answerOf(key == number)
	default:
		return senseless
	}
}

func compareText(key string, value any) answer {
	if left, right, ok := durations(key, value); ok {
		return answerOf(left == right)
	}
	text, ok := value.(string)
	if !ok {
		return senseless
	}
	if left, right, both := quantities(key, text); both {
		return answerOf(left.Cmp(right) == 0)
	}
	return answerOf(pattern.Match(text, key))
}

// plain reduces the kinds of numbers that decoders produce.
func plain(value any) any {
	switch number := value.(type) {
	case int:
		return int64(number)
	case int32:
		return int64(number)
	case float32:
		return float64(number)
	case json.Number:
		if whole, err := number.Int64(); err == nil {
			return whole
		}
		if float, err := number.Float64(); err == nil {
			return float
		}
	}
	return value
}

// normal makes numbers inside of lists and objects comparable.
func normal(value any) any {
	switch typed := plain(value).(type) {
	case int64:
		return float64(typed)
	case []any:
		list := make([]any, len(typed))
		for i, element := range typed {
			list[i] = normal(element)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(typed))
		for key, element := range typed {
			object[key] = normal(element)
		}
		return object
	default:
		return typed
	}
}
