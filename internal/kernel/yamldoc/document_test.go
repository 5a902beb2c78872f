package yamldoc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

type shape struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       struct {
		Text  string   `json:"text"`
		Count int      `json:"count"`
		Flag  bool     `json:"flag"`
		List  []string `json:"list"`
	} `json:"spec"`
}

func TestDecodeTellsLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, text string
		want         []string
	}{
		{"a good document", "kind: A\nspec: {text: x, count: 1}\n", nil},
		{"yes means true, as it does to kubectl", "kind: A\nspec:\n  flag: yes\n", nil},
		{"an unknown field", "kind: A\nspec:\n  text: x\n  txt: y\n", []string{`f:4: unknown field "spec.txt"`}},
		{"mistakes come in the order of their lines", "kind: A\nspec:\n  b: 1\n  a: 1\nz: 1\n", []string{
			`f:3: unknown field "spec.b"`, `f:4: unknown field "spec.a"`, `f:5: unknown field "z"`,
		}},
		{"a repeated key", "kind: A\nspec:\n  text: x\n  text: y\n", []string{`f:4: malformed YAML: key "text" already set in map`}},
		{"a wrong type", "kind: A\nspec:\n  text: [x]\n", []string{"f:3: spec.text: must be a text, not a list"}},
		{"no list", "kind: A\nspec:\n  list: x\n", []string{"f:3: spec.list: must be a list, not a text"}},
		{"the second document", "kind: A\n---\n# why\nkind: B\nspec:\n  count: x\n", []string{"f:6: spec.count: must be a whole number, not a text"}},
		{"text after a marker", "--- {kind: A, spec: {count: x}}\n", []string{"f:1: spec.count: must be a whole number, not a text"}},
		{"malformed YAML, and the others are read", "kind: A\n---\nkind: [\n---\nkind: C\nx: 1\n", []string{
			"f:4: malformed YAML: did not find expected node content", `f:6: unknown field "x"`,
		}},
		{"a line that is indented too little, not where its list begins", "kind: A\nspec:\n  list:\n  - text: x\n    count: 1\n   - text: y\n", []string{"f:6: malformed YAML: did not find expected key"}},
		{"an entry that is none", "kind: A\nspec:\n  - x\n  - y\n  z: 1\n", []string{"f:5: malformed YAML: did not find expected '-' indicator"}},
		{"a tab", "kind: A\n\tspec: x\n", []string{"f:2: malformed YAML: found a tab character that violates indentation"}},
		{"JSON with tabs", "{\n\t\"kind\": \"A\",\n\t\"x\": 1\n}", []string{`f:3: unknown field "x"`}},
		{"kind is no text", "kind: [A]\n", []string{"f:1: kind: must be a text, not a list"}},
		{"a marker in a text", "kind: A\nspec:\n  text: |\n    ---\n    y\n  x: 1\n", []string{`f:6: unknown field "spec.x"`}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			documents, mistakes := yamldoc.Split("f", []byte(test.text))
			for _, document := range documents {
				mistakes = append(mistakes, document.Decode(&shape{})...)
			}
			var got []string
			for _, mistake := range mistakes {
				got = append(got, mistake.String())
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestItemsOfALabelledList(t *testing.T) {
	t.Parallel()
	documents, mistakes := yamldoc.Split("f", []byte("kind: List\nitems:\n- kind: A\n  spec: {}\n- kind: B\n  metadata:\n    name: b\n    namespace: ns\n-\n"))
	if len(mistakes) > 0 || len(documents) != 1 {
		t.Fatal(documents, mistakes)
	}
	items, mistakes, ok := documents[0].Items()
	if !ok || len(items) != 2 || len(mistakes) != 1 || mistakes[0].Line != 9 {
		t.Fatal(items, mistakes, ok)
	}
	b := items[1]
	if b.Kind() != "B" || b.Name() != "b" || b.Namespace() != "ns" || b.Line != 5 || b.LineOf("metadata.name") != 7 {
		t.Errorf("%s %s/%s begins at line %d, its name at %d", b.Kind(), b.Namespace(), b.Name(), b.Line, b.LineOf("metadata.name"))
	}
}

func TestLineWithinATextField(t *testing.T) {
	t.Parallel()
	documents, mistakes := yamldoc.Split("f", []byte("---\nkind: A\nspec:\n  block: |\n    one\n    two\n  folded: >-\n    one\n    two\n  plain: one\n"))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	for path, want := range map[string]int{"spec.block": 6, "spec.folded": 9, "spec.plain": 11} {
		if got := documents[0].LineWithin(path, 2); got != want {
			t.Errorf("the second line of %s is %d, want %d", path, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"kind: A\n---\nkind: B\nspec: [1, {a: b}]\n", "{\"kind\":\"List\",\"items\":[{\"kind\":\"A\"}]}", "--- |\n x\n...\n", "a: &a [*a]\n", "? a\n: b\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := 1
		for _, lineBreak := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
			lines += strings.Count(string(data), lineBreak)
		}
		documents, mistakes := yamldoc.Split("f", data)
		for _, document := range documents {
			items, more, _ := document.Items()
			mistakes = append(mistakes, more...)
			for _, each := range append(items, document) {
				mistakes = append(mistakes, each.Decode(&shape{})...)
				if each.Object() != nil && each.Line < 1 {
					t.Errorf("an object begins at line %d", each.Line)
				}
			}
		}
		for _, mistake := range mistakes {
			if mistake.Line < 1 || mistake.Line > lines+1 {
				t.Errorf("%s: there are %d lines", mistake, lines)
			}
		}
	})
}
