package condition

import (
	"cmp"
	"strconv"
	"time"

	"github.com/blang/semver/v4"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// ordered compares durations, quantities, numbers and versions.
func ordered(wanted func(sign int) bool) holds {
	return func(key, value any) bool {
		sign, ok := order(key, value)
		return ok && wanted(sign)
	}
}

func order(key, value any) (sign int, ok bool) {
	if !orderable(key) || !orderable(value) {
		return 0, false
	}
	if left, right, both := durations(key, value); both {
		return cmp.Compare(left, right), true
	}
	leftText, leftIsText := key.(string)
	rightText, rightIsText := value.(string)
	if leftIsText && rightIsText {
		if left, right, both := quantities(leftText, rightText); both {
			return left.Cmp(right), true
		}
	}
	if left, right, both := numbers(key, value); both {
		return cmp.Compare(left, right), true
	}
	if !leftIsText || !rightIsText {
		return 0, false
	}
	return versions(leftText, rightText)
}

func orderable(value any) bool {
	switch value.(type) {
	case string, int64, float64:
		return true
	default:
		return false
	}
}

// lasting compares durations alone; numbers are seconds.
func lasting(wanted func(sign int) bool) holds {
	return func(key, value any) bool {
		left, leftOK := duration(key)
		right, rightOK := duration(value)
		return leftOK && rightOK && wanted(cmp.Compare(left, right))
	}
}

// durations reads both sides as durations if one of them is written as one. The
// text 0 is a number.
func durations(key, value any) (left, right time.Duration, ok bool) {
	if !isDuration(key) && !isDuration(value) {
		return 0, 0, false
	}
	left, leftOK := durationOrSeconds(key)
	right, rightOK := durationOrSeconds(value)
	return left, right, leftOK && rightOK
}

func isDuration(value any) bool {
	text, ok := value.(string)
	if !ok || text == "0" {
		return false
	}
	_, err := time.ParseDuration(text)
	return err == nil
}

func durationOrSeconds(value any) (time.Duration, bool) {
	if _, isText := value.(string); isText && !isDuration(value) {
		return 0, false
	}
	return duration(value)
}

func duration(value any) (time.Duration, bool) {
	switch typed := value.(type) {
	case int64:
		return time.Duration(typed) * time.Second, true
	case float64:
		return time.Duration(typed) * time.Second, true
	case string:
		parsed, err := time.ParseDuration(typed)
		return parsed, err == nil
	default:
		return 0, false
	}
}

func quantities(key, value string) (left, right resource.Quantity, ok bool) {
	left, leftOK := pattern.Quantity(key)
	right, rightOK := pattern.Quantity(value)
	return left, right, leftOK && rightOK
}

func numbers(key, value any) (left, right float64, ok bool) {
	left, leftOK := number(key)
	right, rightOK := number(value)
	return left, right, leftOK && rightOK
}

func number(value any) (float64, bool) {
	switch typed := value.(type) {
	case int64:
		return float64(typed), true
	case float64:
		return typed, true
	case string:
		parsed, err := strconv.ParseFloat(typed, 64)
		return parsed, err == nil
	default:
		return 0, false
	}
}

func versions(key, value string) (sign int, ok bool) {
	left, err := semver.Parse(key)
	if err != nil {
		return 0, false
	}
	right, err := semver.Parse(value)
	if err != nil {
		return 0, false
	}
	return left.Compare(right), true
}
