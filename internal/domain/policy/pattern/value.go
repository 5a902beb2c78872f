package pattern

import (
	"cmp"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Value tells whether a leaf of an object fits a leaf of a pattern. A map as
// pattern wants any map; a list as pattern fits nothing.
func Value(value, pattern any) bool {
	value, pattern = plain(value), plain(pattern)
	switch wanted := pattern.(type) {
	case nil:
		return isZero(value)
	case bool:
		return value == any(wanted)
	case int64:
		return fitsInteger(value, wanted)
	case float64:
		return fitsFloat(value, wanted)
	case string:
		return fitsString(value, wanted)
	case map[string]any:
		_, ok := value.(map[string]any)
		return ok
	default:
		return false
	}
}

// plain reduces the kinds of numbers that decoders produce to int64 and float64.
func plain(value any) any {
	switch number := value.(type) {
	case int:
		return int64(number)
	case int32:
		return int64(number)
	case uint64:
		if number > math.MaxInt64 {
			return float64(number)
		}
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
		return number.String()
	}
	return value
}

// isZero is what a null in a pattern wants: nothing there, or an empty value.
func isZero(value any) bool {
	switch found := value.(type) {
	case nil:
		return true
	case bool:
		return !found
	case int64:
		return found == 0
	case float64:
		return found == 0
	case string:
		return found == ""
	default:
		return false
	}
}

func fitsInteger(value any, wanted int64) bool {
	switch found := value.(type) {
	case int64:
		return found == wanted
	case float64:
		return found == float64(wanted)
	case string:
		number, err := strconv.ParseInt(found, 10, 64)
		return err == nil && number == wanted
	default:
		return false
	}
}

func fitsFloat(value any, wanted float64) bool {
	switch found := value.(type) {
	case int64:
		return float64(found) == wanted
	case float64:
		return found == wanted
	case string:
		number, err := strconv.ParseFloat(found, 64)
		return err == nil && number == wanted
	default:
		return false
	}
}

// fitsString reads a pattern as alternatives of conjunctions.
func fitsString(value any, pattern string) bool {
	if value == any(pattern) {
		return true
	}
	for alternative := range strings.SplitSeq(pattern, "|") {
		if fitsAll(value, alternative) {
			return true
		}
	}
	return false
}

func fitsAll(value any, conjunction string) bool {
	for condition := range strings.SplitSeq(conjunction, "&") {
		if !fitsCondition(value, strings.TrimSpace(condition)) {
			return false
		}
	}
	return true
}

func fitsCondition(value any, condition string) bool {
	operator := OperatorOf(condition)
	switch operator {
	case InRange:
		low, high := ends(condition, operator)
		return compare(value, MoreEqual, low) && compare(value, LessEqual, high)
	case NotInRange:
		low, high := ends(condition, operator)
		return compare(value, Less, low) || compare(value, More, high)
	default:
		return compare(value, operator, strings.TrimSpace(condition[len(operator):]))
	}
}

// compare succeeds when the two compare as the operator wants in any of the ways
// they can be read: as durations, as quantities, as texts.
func compare(value any, operator Operator, wanted string) bool {
	number, isNumber := numeral(value)
	if isNumber && (compareDurations(number, operator, wanted) || compareQuantities(number, operator, wanted)) {
		return true
	}
	return compareTexts(value, operator, wanted)
}

// numeral writes a value as something that may parse as a number. An absent
// value counts as zero.
func numeral(value any) (string, bool) {
	switch value.(type) {
	case nil:
		return "0", true
	case bool:
		return "", false
	}
	return Text(value)
}

// Text writes a leaf as a person would; ok is false for null, maps and lists.
func Text(value any) (text string, ok bool) {
	switch found := plain(value).(type) {
	case string:
		return found, true
	case int64:
		return strconv.FormatInt(found, 10), true
	case float64:
		return strconv.FormatFloat(found, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(found), true
	default:
		return "", false
	}
}

func compareDurations(value string, operator Operator, wanted string) bool {
	right, err := time.ParseDuration(wanted)
	if err != nil {
		return false
	}
	left, err := time.ParseDuration(value)
	return err == nil && operator.holds(cmp.Compare(left, right))
}

func compareQuantities(value string, operator Operator, wanted string) bool {
	right, ok := Quantity(wanted)
	if !ok {
		return false
	}
	left, ok := Quantity(value)
	return ok && operator.holds(left.Cmp(right))
}

// absurd is the exponent of a quantity that could only be compared by writing
// it out: a text of ten characters would cost gigabytes.
var absurd = regexp.MustCompile(`[eE][-+]?\d{3,}$`)

// longestQuantity is more digits than any amount has.
const longestQuantity = 64

// Quantity reads an amount, such as 512Mi. Unlike resource.ParseQuantity it
// refuses amounts that take unreasonable time to compare.
func Quantity(text string) (resource.Quantity, bool) {
	if text == "" || len(text) > longestQuantity || absurd.MatchString(text) {
		return resource.Quantity{}, false
	}
	parsed, err := resource.ParseQuantity(text)
	return parsed, err == nil
}

func compareTexts(value any, operator Operator, wanted string) bool {
	text, ok := Text(value)
	if !ok {
		return false
	}
	switch operator {
	case Equal:
		return Match(wanted, text)
	case NotEqual:
		return !Match(wanted, text)
	default:
		return false
	}
}
