package claim

import (
	"k8s.io/apimachinery/pkg/api/resource"
)

// covers says whether what the cluster has is what was wanted. The server may
// have more fields, also within items of lists, because it fills in defaults; it
// may leave out what is empty; and it writes quantities in its own way. A list
// has exactly the items that are wanted.
func covers(live, wanted any) bool {
	if live == nil && empty(wanted) {
		return true
	}
	switch w := wanted.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		return ok && coversFields(l, w)
	case []any:
		l, ok := live.([]any)
		return ok && coversItems(l, w)
	}
	return live == wanted || sameNumber(live, wanted) || sameQuantity(live, wanted)
}

func coversFields(live, wanted map[string]any) bool {
	for key, value := range wanted {
		if !covers(live[key], value) {
			return false
		}
	}
	return true
}

func coversItems(live, wanted []any) bool {
	if len(live) != len(wanted) {
		return false
	}
	for i := range wanted {
		if !covers(live[i], wanted[i]) {
			return false
		}
	}
	return true
}

// empty says whether the server may leave a value out.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, each := range v {
			if !empty(each) {
				return false
			}
		}
		return true
	}
	return false
}

func sameNumber(a, b any) bool {
	x, ok := number(a)
	y, also := number(b)
	return ok && also && x == y
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// sameQuantity says whether two values are amounts of the same, such as "1" and
// "1000m", or 1 and "1".
func sameQuantity(a, b any) bool {
	x, ok := quantity(a)
	y, also := quantity(b)
	return ok && also && x.Cmp(y) == 0
}

func quantity(value any) (resource.Quantity, bool) {
	switch v := value.(type) {
	case string:
		parsed, err := resource.ParseQuantity(v)
		return parsed, err == nil
	case int64:
		return *resource.NewQuantity(v, resource.DecimalSI), true
	}
	return resource.Quantity{}, false
}
