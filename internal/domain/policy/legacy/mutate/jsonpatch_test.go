package mutate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/mutate"
)

func TestJSONPatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, object, patch, want, reason string }{
		{"yaml", `{a: {}}`, "- op: add\n  path: /a/b\n  value: 1\n", `{a: {b: 1}}`, "as policies write it"},
		{"json", `{a: {}}`, `[{"op":"add","path":"/a/b","value":{"c":[1]}}]`, `{a: {b: {c: [1]}}}`, "as the standard writes it"},
		{"add below absent keys", `{}`, `[{op: add, path: /a/b/c, value: 1}]`, `{a: {b: {c: 1}}}`, "objects on the path are made"},
		{"append", `{a: [1]}`, `[{op: add, path: /a/-, value: 2}]`, `{a: [1, 2]}`, "a dash is the end"},
		{"append to an absent list", `{}`, `[{op: add, path: /a/-, value: 2}]`, `{a: [2]}`, "the list is made"},
		{"replace", `{a: 1}`, `[{op: replace, path: /a, value: 2}]`, `{a: 2}`, "what is there is replaced"},
		{"remove", `{a: 1, b: 2}`, `[{op: remove, path: /a}, {op: remove, path: /z}]`, `{b: 2}`, "what is absent need not be removed"},
		{"escapes", `{m: {"a/b": 1}}`, `[{op: replace, path: /m/a~1b, value: 2}]`, `{m: {"a/b": 2}}`, "a slash in a key"},
		{"a number as key", `{data: {}}`, `[{op: add, path: /data/27017, value: x}]`, `{data: {"27017": x}}`, "no index where there is an object"},
		{"large integers", `{a: 9007199254740993}`, `[{op: add, path: /b, value: 9007199254740993}]`, `{a: 9007199254740993, b: 9007199254740993}`, "integers keep their digits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := mutate.JSONPatch(exact(t, test.object), test.patch)
			if diff := cmp.Diff(exact(t, test.want), got); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", test.reason, err, diff)
			}
		})
	}
}

func TestJSONPatchRefuses(t *testing.T) {
	t.Parallel()
	for patch, want := range map[string]string{
		`{op: add}`:                                   "not a list of operations",
		`[{op: put, path: /a}]`:                       `unsupported operation`,
		`[{op: add, path: a, value: 1}]`:              "does not begin with a slash",
		`[{op: add, path: /a/100000000, value: 1}]`:   "has an index beyond",
		`[{op: replace, path: /nowhere/x, value: 1}]`: "applying the JSON patch",
		`[{op: test, path: /a, value: 2}]`:            "applying the JSON patch",
		"[\t":                                         "neither JSON nor YAML",
	} {
		if _, err := mutate.JSONPatch(map[string]any{"a": int64(1)}, patch); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", patch, err, want)
		}
	}
}

// exact parses with integers as they are.
func exact(t *testing.T, text string) map[string]any {
	t.Helper()
	changed, err := mutate.JSONPatch(map[string]any{}, `[{op: add, path: /v, value: `+text+`}]`)
	if err != nil {
		t.Fatal(err)
	}
	object, _ := changed["v"].(map[string]any)
	return object
}

func FuzzJSONPatch(f *testing.F) {
	f.Add(`{"a":[1]}`, `[{"op":"add","path":"/a/-1","value":1}]`)
	f.Add(`{"a":{}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`)
	f.Add(`{}`, `[{"op":"copy","from":"","path":"/x"}]`)
	f.Fuzz(func(_ *testing.T, object, patch string) {
		var decoded map[string]any
		if json.Unmarshal([]byte(object), &decoded) != nil {
			return
		}
		_, _ = mutate.JSONPatch(decoded, patch)
	})
}
