package merge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCarry(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	for _, test := range []struct {
		name, reason                 string
		object, before, after, wants any
	}{
		{"same", "nothing changed", object{"cpu": int64(1)}, object{"cpu": "1", "status": object{}}, object{"cpu": "1", "status": object{}}, object{"cpu": int64(1)}},
		{
			"field", "what changed is taken, what did not stays as it was spelled",
			object{"cpu": int64(1)},
			object{"cpu": "1", "memory": "1Gi", "status": object{}},
			object{"cpu": "1", "memory": "2Gi", "status": object{}},
			object{"cpu": int64(1), "memory": "2Gi"},
		},
		{"removed", "what went away goes", object{"a": "1", "b": "2"}, object{"a": "1", "b": "2"}, object{"a": "1"}, object{"a": "1"}},
		{"nested", "a map that was not written appears with its change only", object{}, object{"r": object{}}, object{"r": object{"l": "1"}}, object{"r": object{"l": "1"}}},
		{"longer", "items are added", []any{"a"}, []any{"a"}, []any{"a", "b"}, []any{"a", "b"}},
		{"shorter", "and removed", []any{"a", "b"}, []any{"a", "b"}, []any{"a"}, []any{"a"}},
		{"item", "and changed where they are", []any{object{"x": int64(1)}}, []any{object{"x": "1", "y": object{}}}, []any{object{"x": "1", "y": object{"z": "2"}}}, []any{object{"x": int64(1), "y": object{"z": "2"}}}},
		{"kind", "another type replaces", object{"a": "1"}, object{"a": "1"}, object{"a": []any{"1"}}, object{"a": []any{"1"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			untouched := Clone(test.object)
			if diff := cmp.Diff(test.wants, Carry(test.object, test.before, test.after)); diff != "" {
				t.Errorf("%s: want - got +\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(untouched, test.object); diff != "" {
				t.Errorf("the object itself changed:\n%s", diff)
			}
		})
	}
}
