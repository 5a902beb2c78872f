package suite

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// comparePatched compares the object after the policy with the expected one, if
// one is expected, and says in the row how they differ.
func (b *bench) comparePatched(e *Expectation, object scenario.Object, verdict scenario.Verdict, row *Row) error {
	// Kyverno calls it a failure that a mutation makes something else of an object
	// than the file says.
	wantsDifference := row.Want == policy.Fail && row.Got == policy.Pass
	if e.patched() == "" || !row.Met && !wantsDifference {
		return nil
	}
	expected, err := b.readObjects([]string{e.patched()})
	if err != nil {
		return err
	}
	got := object.Fields
	if verdict.Changed != nil {
		got = verdict.Changed
	}
	for _, each := range expected {
		b.scene.Kinds.Complete(each)
		if each.String() != scenario.Of(got).String() {
			continue
		}
		where, what, differ := difference("", tidy(each.Fields), tidy(got))
		switch {
		case differ && wantsDifference:
			row.Met, row.Reason = true, "Ok"
		case differ:
			row.Met, row.Reason, row.Message = false, "Resource diff", fmt.Sprintf("%s: %s", where, what)
		}
		return nil
	}
	if wantsDifference {
		row.Met, row.Reason = true, "Ok"
		return nil
	}
	row.Met, row.Reason = false, "Resource error"
	row.Message = fmt.Sprintf("%s has no %s", e.patched(), scenario.Of(got))
	return nil
}

// tidy drops what says nothing: an empty status, and a creation time of null.
func tidy(object map[string]any) map[string]any {
	tidied := maps.Clone(object)
	if status, ok := tidied["status"].(map[string]any); ok && len(status) == 0 {
		delete(tidied, "status")
	}
	if metadata, ok := tidied["metadata"].(map[string]any); ok && metadata["creationTimestamp"] == nil {
		metadata = maps.Clone(metadata)
		delete(metadata, "creationTimestamp")
		tidied["metadata"] = metadata
	}
	return tidied
}

// difference finds the first field that differs.
func difference(path string, want, got any) (where, what string, differ bool) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			return fieldDifference(path, w, g)
		}
	case []any:
		if g, ok := got.([]any); ok {
			return itemDifference(path, w, g)
		}
	default:
		if equal(want, got) {
			return "", "", false
		}
	}
	return orRoot(path), fmt.Sprintf("want %v, got %v", want, got), true
}

func fieldDifference(path string, want, got map[string]any) (where, what string, differ bool) {
	for _, key := range keysOf(want, got) {
		at := path + "." + key
		w, wanted := want[key]
		g, have := got[key]
		switch {
		case !have && hollow(key, w):
			continue
		case !have:
			return orRoot(at), fmt.Sprintf("want %v, got nothing", w), true
		case !wanted:
			return orRoot(at), fmt.Sprintf("want nothing, got %v", g), true
		}
		if where, what, differ = difference(at, w, g); differ {
			return where, what, true
		}
	}
	return "", "", false
}

// hollow tells of fields that files have only because Go types write them: strategy
// and resources that are empty.
func hollow(key string, value any) bool {
	object, ok := value.(map[string]any)
	return ok && len(object) == 0 && (key == "strategy" || key == "resources")
}

func itemDifference(path string, want, got []any) (where, what string, differ bool) {
	for i := range min(len(want), len(got)) {
		if where, what, differ = difference(fmt.Sprintf("%s[%d]", path, i), want[i], got[i]); differ {
			return where, what, true
		}
	}
	if len(want) != len(got) {
		return orRoot(path), fmt.Sprintf("want %d items, got %d", len(want), len(got)), true
	}
	return "", "", false
}

// equal compares numbers by value, whatever their type.
func equal(want, got any) bool {
	if w, ok := number(want); ok {
		g, ok := number(got)
		return ok && w == g
	}
	return reflect.DeepEqual(want, got)
}

func number(value any) (float64, bool) {
	switch n := value.(type) {
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func orRoot(path string) string {
	if path == "" {
		return "object"
	}
	return path[1:]
}

// keysOf are the keys of both, sorted.
func keysOf(a, b map[string]any) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}
