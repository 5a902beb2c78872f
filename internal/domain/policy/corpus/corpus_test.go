package corpus_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/corpus"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/function"
)

func cases(t *testing.T, folder string) []corpus.Case {
	t.Helper()
	all, err := corpus.All(folder)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryFunctionHasACase(t *testing.T) {
	t.Parallel()
	var names []string
	for _, c := range cases(t, "functions") {
		names = append(names, strings.TrimPrefix(c.Name, "functions/"))
	}
	for _, f := range function.All() {
		if !slices.Contains(names, f.Name) {
			t.Errorf("no case checks the function %s", f.Signature())
		}
	}
}

func TestResultsAreAboutObjectsOfTheCase(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t, ".") {
		known := map[string]bool{}
		for _, request := range c.Requests() {
			known[request.Name] = true
		}
		for _, line := range c.Expected {
			if !known[line.Resource] {
				t.Errorf("%s: there is no object %q", c.Name, line.Resource)
			}
		}
	}
}

func TestCasesThatSayNothing(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"the comment must say":       "-- policy.yaml --\na: 1\n",
		"no policy.yaml":             "x\n-- expect.txt --\na b c\n",
		"neither expect.txt nor":     "x\n-- policy.yaml --\na: 1\n",
		"no such file":               "x\n-- other.yaml --\na: 1\n",
		"is not RESOURCE RULE":       "x\n-- expect.txt --\na b\n",
		"request.yaml: error":        "x\n-- request.yaml --\nnobody: 1\n",
		"world.yaml: error":          "x\n-- world.yaml --\n[]\n",
		"resources.yaml: yaml":       "x\n-- resources.yaml --\na: 1\na: 2\n",
		"mutated.yaml: json: cannot": "x\n-- mutated.yaml --\n[1]\n",
	} {
		if _, err := corpus.Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	c := corpus.Case{
		Expected: []corpus.Line{{Resource: "a", Rule: "r", Status: "fail", Message: "too small"}, {Resource: "b", Rule: "r", Status: "pass"}},
		Mutated:  []map[string]any{{"n": 1.0}},
	}
	same := corpus.Outcome{
		Results: []corpus.Line{{Resource: "b", Rule: "r", Status: "pass", Message: "any"}, {Resource: "a", Rule: "r", Status: "fail", Message: "it is too small"}},
		Mutated: []map[string]any{{"n": int64(1)}},
	}
	if got := c.Differences(same); len(got) > 0 {
		t.Errorf("differences where there are none: %q", got)
	}
	for name, tt := range map[string]struct {
		outcome corpus.Outcome
		want    string
	}{
		"a result is missing": {corpus.Outcome{Results: same.Results[:1], Mutated: same.Mutated}, "missing result: a r fail: too small"},
		"another message":     {corpus.Outcome{Results: []corpus.Line{same.Results[0], {Resource: "a", Rule: "r", Status: "fail", Message: "no"}}, Mutated: same.Mutated}, "unexpected result: a r fail: no"},
		"one result too many": {corpus.Outcome{Results: append(slices.Clone(same.Results), same.Results[0]), Mutated: same.Mutated}, "unexpected result: b r pass"},
		"nothing changed":     {corpus.Outcome{Results: same.Results}, "0 objects changed, want 1"},
		"another change":      {corpus.Outcome{Results: same.Results, Mutated: []map[string]any{{"n": int64(2)}}}, "object 0 became"},
	} {
		if got := strings.Join(c.Differences(tt.outcome), "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
