package value_test

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"
)

func TestEqual(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		a, b any
		want bool
	}{
		{"numbers whatever holds them", int64(1), 1.0, true},
		{"other numbers", 1, 2.0, false},
		{"a number and its text", 1, "1", false},
		{"null and nothing else", nil, false, false},
		{"nulls", nil, nil, true},
		{"booleans", true, true, true},
		{"lists of numbers", []any{1, "a"}, []any{1.0, "a"}, true},
		{"lists of other lengths", []any{1}, []any{1, 2}, false},
		{"lists of other elements", []any{1}, []any{2}, false},
		{"objects", map[string]any{"a": []any{nil}}, map[string]any{"a": []any{nil}}, true},
		{"objects with other keys", map[string]any{"a": nil}, map[string]any{"b": nil}, false},
		{"objects of other sizes", map[string]any{"a": nil}, map[string]any{}, false},
		{"what JSON does not have", struct{}{}, struct{}{}, false},
	} {
		if got := value.Equal(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestTypeAndTruth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v       any
		name    string
		isFalse bool
	}{
		{nil, "null", true},
		{false, "boolean", true},
		{true, "boolean", false},
		{"", "string", true},
		{"a", "string", false},
		{0.0, "number", false},
		{int64(0), "number", false},
		{[]any{}, "array", true},
		{[]any{nil}, "array", false},
		{map[string]any{}, "object", true},
		{map[string]any{"a": nil}, "object", false},
		{[]string{}, "[]string", false},
	} {
		if value.Type(tt.v) != tt.name || value.IsFalse(tt.v) != tt.isFalse {
			t.Errorf("%#v: type %s, false %v", tt.v, value.Type(tt.v), value.IsFalse(tt.v))
		}
	}
}

func TestSizeStopsCounting(t *testing.T) {
	t.Parallel()
	var doubled any = "x"
	for range 200 {
		doubled = []any{doubled, map[string]any{"again": doubled}}
	}
	if got := value.Size(doubled, 1000); got <= 1000 || got > 2000 {
		t.Errorf("size %d, want a little more than 1000", got)
	}
	if got := value.Size([]any{"ab", 1, nil}, 1000); got > 20 {
		t.Errorf("size %d of a short list", got)
	}
}
