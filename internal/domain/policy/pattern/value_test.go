package pattern_test

import (
	"encoding/json"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		glob, name string
		want       bool
		reason     string
	}{
		{"", "", true, "nothing fits nothing"},
		{"", "a", false, "an empty glob is not a star"},
		{"*", "", true, "a star stands for nothing, too"},
		{"?*", "", false, "a question mark wants a character"},
		{"?*", "x", true, "one character is enough"},
		{"a*b*c", "a-b-b-c", true, "a star may swallow what looks like the next part"},
		{"a*b*c", "a-b-b", false, "the end must fit, too"},
		{"nginx:?.?", "nginx:1.2", true, "a question mark is any one character"},
		{"nginx:?.?", "nginx:1.20", false, "and no more than one"},
		{"*/team-?", "registry.local/x/team-é", true, "characters, not bytes"},
		{"a.c", "abc", false, "a dot is a dot"},
		{"[ab]", "a", false, "brackets mean nothing"},
	} {
		if got := pattern.Match(test.glob, test.name); got != test.want {
			t.Errorf("Match(%q, %q) = %v, want %v: %s", test.glob, test.name, got, test.want, test.reason)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value, pattern any
		want           bool
		reason         string
	}{
		{"nginx:1.25", "nginx:*", true, "a wildcard"},
		{"nginx:latest", "!*:latest", false, "a negated wildcard"},
		{"nginx:1", "!*:latest & nginx:*", true, "both conditions hold"},
		{"busybox:1", "!*:latest & nginx:*", false, "one of them does not"},
		{"busybox:1", "nginx:* | busybox:*", true, "one alternative is enough"},
		{"a|b", "a|b", true, "an equal text is never read as alternatives"},
		{"512Mi", "<=1Gi", true, "quantities compare by amount, not as texts"},
		{"2Gi", "<= 1Gi", false, "a space after the operator changes nothing"},
		{"1024Mi", "1Gi", true, "equal amounts in other units are equal"},
		{"1000m", "1", true, "a thousand thousandths are one"},
		{"0.5", "500m", true, "fractions are amounts"},
		{0.5, "500m", true, "numbers are amounts as well"},
		{nil, "<1Gi", true, "an absent amount is zero"},
		{nil, "?*", false, "an absent text is no text"},
		{"5m", ">60s", true, "durations compare by length"},
		{"90s", "1m30s", true, "equal durations in other units are equal"},
		{int64(5), "1-10", true, "inside a range, ends included"},
		{int64(10), "1-10", true, "the upper end belongs to it"},
		{int64(11), "1-10", false, "outside of a range"},
		{int64(11), "1!-10", true, "outside is what !- wants"},
		{int64(5), "1!-10", false, "inside is what !- refuses"},
		{"1.5Gi", "1Gi-2Gi", true, "a range of quantities"},
		{int64(-3), "-5--1", true, "signs at both ends"},
		{"v1-beta", "v1-beta", true, "a dash alone makes no range"},
		{int64(8080), ">1024", true, "integers compare as numbers"},
		{int64(80), ">1024", false, "and fail as numbers"},
		{"80", int64(80), true, "a text that is the integer fits it"},
		{"eighty", int64(80), false, "a text that is no integer does not"},
		{80.0, int64(80), true, "a decoder's float without fraction is an integer"},
		{80.5, int64(80), false, "a fraction is not"},
		{1.5, 1.5, true, "floats"},
		{"1.5", 1.5, true, "a text that is the float"},
		{int64(2), 2.0, true, "an integer fits a float without fraction"},
		{json.Number("7"), int64(7), true, "numbers as another decoder gives them"},
		{true, true, true, "booleans"},
		{"true", true, false, "a text is no boolean"},
		{true, "true", true, "but a boolean can be compared to a text"},
		{false, "!true", true, "also negated"},
		{nil, nil, true, "nothing where null is wanted"},
		{"", nil, true, "an empty text is as good as nothing"},
		{int64(0), nil, true, "zero is as good as nothing"},
		{false, nil, true, "false is as good as nothing"},
		{"x", nil, false, "something is not nothing"},
		{map[string]any{}, nil, false, "an empty object is not nothing"},
		{map[string]any{"a": 1}, map[string]any{}, true, "an object as pattern wants any object"},
		{"x", map[string]any{}, false, "and nothing else"},
		{[]any{"x"}, []any{"x"}, false, "a list is no leaf"},
		{"x", ">a", false, "texts have no order"},
		{map[string]any{}, "*", false, "an object is no text"},
		{"1e99999999999", ">1", false, "an absurd exponent is not computed with"},
	} {
		if got := pattern.Value(test.value, test.pattern); got != test.want {
			t.Errorf("Value(%v, %v) = %v, want %v: %s", test.value, test.pattern, got, test.want, test.reason)
		}
	}
}

func TestOperatorOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]pattern.Operator{
		"": pattern.Equal, ">": pattern.Equal, "abc": pattern.Equal, "a-b": pattern.Equal, "1h30m-2h": pattern.Equal,
		">=1": pattern.MoreEqual, "<=1": pattern.LessEqual, ">1": pattern.More, "<1": pattern.Less, "!x": pattern.NotEqual,
		"1-2": pattern.InRange, "1Gi-2Gi": pattern.InRange, "-1--2": pattern.InRange, "1!-2": pattern.NotInRange,
	} {
		if got := pattern.OperatorOf(text); got != want {
			t.Errorf("OperatorOf(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestParseAnchor(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"(a)", "=(a)", "^(a)", "X(a)", "<(a)", "+(a)", "=(kubernetes.io/*)", "+(a(b))"} {
		anchor, ok := pattern.ParseAnchor(key)
		if !ok || anchor.String() != key {
			t.Errorf("ParseAnchor(%q) = %v, %v, want an anchor that reads the same", key, anchor, ok)
		}
	}
	for _, key := range []string{"", "a", "()", "(a", "a)", "x(a)", "==(a)", "^a"} {
		if anchor, ok := pattern.ParseAnchor(key); ok {
			t.Errorf("ParseAnchor(%q) = %v, want a plain key", key, anchor)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b?c", "aXXbYc")
	f.Add("****", "")
	f.Add("\xff*", "\xff")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if pattern.Match(glob, name) && !pattern.Match("*"+glob+"*", name) {
			t.Errorf("%q matches %q, but not with stars around it", glob, name)
		}
	})
}

func FuzzValue(f *testing.F) {
	for _, seed := range []string{`"1-2"`, `">= 1Gi"`, `"!a | b & c"`, `null`, `1.5`, `{}`, `[1]`, `"-"`, `"!-"`, `"1!-"`} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(_ *testing.T, value, wanted string) {
		var left, right any
		if json.Unmarshal([]byte(value), &left) != nil || json.Unmarshal([]byte(wanted), &right) != nil {
			return
		}
		pattern.Value(left, right)
	})
}
