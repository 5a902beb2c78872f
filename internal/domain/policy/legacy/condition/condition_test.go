package condition_test

import (
	"encoding/json"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
)

func TestHolds(t *testing.T) {
	t.Parallel()
	list := func(elements ...any) []any { return elements }
	object := map[string]any{"a": int64(1)}
	for _, test := range []struct {
		operator   string
		key, value any
		want       bool
		reason     string
	}{
		{"Equals", "a", "a", true, "texts"},
		{"equals", "a", "a", true, "case does not matter in operators"},
		{"Equal", "nginx:1", "nginx:*", true, "wildcards in the value, by the older name"},
		{"Equals", "nginx:*", "nginx:1", false, "but not in the key"},
		{"Equals", "1Gi", "1024Mi", true, "quantities by amount"},
		{"Equals", "60s", "1m", true, "durations by length"},
		{"Equals", int64(3600), "1h", true, "a number is seconds beside a duration"},
		{"Equals", int64(1), 1.0, true, "numbers of two kinds"},
		{"Equals", int64(1), "1", true, "a number and its text"},
		{"Equals", "1", int64(1), false, "a text is no number"},
		{"Equals", 1.5, "1.5", true, "a fraction and its text"},
		{"Equals", true, true, true, "booleans"},
		{"Equals", true, "true", false, "a boolean is no text"},
		{"Equals", object, map[string]any{"a": 1.0}, true, "objects, whatever decoded their numbers"},
		{"Equals", list("a", int64(1)), list("a", 1.0), true, "lists"},
		{"Equals", list("a", "b"), list("b", "a"), false, "the order of lists matters"},
		{"Equals", nil, nil, false, "nothing compares to nothing"},
		{"NotEquals", "a", "b", true, "texts that differ"},
		{"NotEquals", "a", "a", false, "texts that do not"},
		{"NotEqual", "nginx:1", "nginx:*", false, "wildcards count here too"},
		{"NotEquals", "a", int64(1), true, "what cannot be compared differs"},
		{"NotEquals", nil, "a", false, "nothing does not differ either"},
		{"NotEquals", "2Gi", "1024Mi", true, "amounts that differ"},
		{"AnyIn", "a", list("a", "b"), true, "one of a list"},
		{"AnyIn", "c", list("a", "b"), false, "none of it"},
		{"AnyIn", list("c", "a"), list("a", "b"), true, "one of several is enough"},
		{"AnyIn", "a-1", list("a-*"), true, "wildcards in the list"},
		{"AnyIn", "a-*", list("a-1"), true, "and in the key"},
		{"AnyIn", int64(5), list(int64(5)), true, "numbers"},
		{"AnyIn", true, list(true), true, "booleans"},
		{"AnyIn", int64(5), "1-10", true, "a range"},
		{"AnyIn", list(int64(50), int64(5)), "1-10", true, "some in a range"},
		{"AnyIn", "a", `["a","b"]`, true, "a list as text, as in a ConfigMap"},
		{"AnyIn", "a", "a", true, "a single text"},
		{"AnyIn", "a", object, false, "an object has no members"},
		{"AnyIn", nil, list("a"), false, "nothing is in nothing"},
		{"AllIn", list("a", "b"), list("a", "b", "c"), true, "all of them"},
		{"AllIn", list("a", "z"), list("a", "b", "c"), false, "not all of them"},
		{"AllIn", list(), list("a"), true, "all of none"},
		{"AllIn", list(int64(5), int64(50)), "1-10", false, "one is out of range"},
		{"AnyNotIn", list("a", "z"), list("a"), true, "one is missing"},
		{"AnyNotIn", list("a"), list("a"), false, "none is missing"},
		{"AnyNotIn", int64(11), "1-10", true, "out of range"},
		{"AllNotIn", list("y", "z"), list("a"), true, "all are missing"},
		{"AllNotIn", list("a", "z"), list("a"), false, "one is not"},
		{"AllNotIn", list(int64(11), int64(5)), "1-10", false, "one is in the range"},
		{"AllNotIn", nil, list("a"), false, "nothing is not out of it either"},
		{"In", list("a", "b"), list("a", "b"), true, "the older form of AllIn"},
		{"NotIn", list("a", "z"), list("a"), true, "the older form of AnyNotIn"},
		{"GreaterThan", int64(5), int64(4), true, "numbers"},
		{"GreaterThan", "5", int64(4), true, "a number as text"},
		{"GreaterThan", "1Gi", "512Mi", true, "quantities"},
		{"GreaterThan", "1h", "30m", true, "durations"},
		{"GreaterThan", "1h", int64(30), true, "a duration and seconds"},
		{"GreaterThan", "1.20.0", "1.9.0", true, "versions by their parts"},
		{"GreaterThan", "b", "a", false, "texts have no order"},
		{"GreaterThan", true, false, false, "booleans have none"},
		{"GreaterThan", list(), int64(1), false, "lists have none"},
		{"GreaterThanOrEquals", 1.5, "1.5", true, "the same amount"},
		{"LessThan", int64(1), 1.5, true, "a fraction more"},
		{"LessThanOrEquals", "10", "9", false, "texts of numbers are numbers"},
		{"DurationGreaterThan", "2h", int64(60), true, "seconds"},
		{"DurationGreaterThanOrEquals", "60s", "1m", true, "the same length"},
		{"DurationLessThan", int64(1), "2s", true, "shorter"},
		{"DurationLessThanOrEquals", "x", "2s", false, "no duration"},
		{"Equals", "1e9999999", "1", false, "an absurd exponent is a text"},
	} {
		operator, err := condition.ParseOperator(test.operator)
		if err != nil {
			t.Fatal(err)
		}
		if got := operator.Holds(test.key, test.value); got != test.want {
			t.Errorf("%v %s %v = %v, want %v: %s", test.key, operator, test.value, got, test.want, test.reason)
		}
	}
}

func TestUnknownOperator(t *testing.T) {
	t.Parallel()
	if _, err := condition.ParseOperator("Contains"); err == nil {
		t.Error("Contains was accepted, want an error that lists the operators")
	}
}

func FuzzHolds(f *testing.F) {
	f.Add(`"1-2"`, `["a"]`)
	f.Add(`{"a":[1]}`, `{"a":[1.0]}`)
	f.Add(`"1.2.3"`, `"1h"`)
	f.Fuzz(func(t *testing.T, key, value string) {
		var left, right any
		if json.Unmarshal([]byte(key), &left) != nil || json.Unmarshal([]byte(value), &right) != nil {
			return
		}
		for _, name := range []string{"Equals", "NotEquals", "AnyIn", "AllIn", "AnyNotIn", "AllNotIn", "LessThan", "DurationLessThan"} {
			operator, err := condition.ParseOperator(name)
			if err != nil {
				t.Fatal(err)
			}
			operator.Holds(left, right)
		}
	})
}
