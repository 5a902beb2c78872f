package policy

import (
	"context"
	"strings"
	"testing"
)

// appender adds its letter to the object's word, unless it is there at the end.
type appender struct {
	letter string
	again  bool
}

func (a appender) Info() Info { return Info{Name: a.letter, Tier: Default} }

func (appender) Validate(context.Context, *Request, World) []Result { return nil }

func (a appender) Mutate(_ context.Context, r *Request, _ World, _ Waived) (map[string]any, []Result) {
	word, _ := r.Object["word"].(string)
	if strings.HasSuffix(word, a.letter) {
		return nil, []Result{{Policy: a.letter, Status: Skip}}
	}
	return map[string]any{"word": word + a.letter}, []Result{{Policy: a.letter, Status: Pass}}
}

func (a appender) Reinvoke() bool { return a.again }

func TestMutate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason, word string
		policies           []Evaluator
		want               string
		results            int
	}{
		{"in turn", "each sees what those before it did", "", []Evaluator{appender{letter: "b"}, appender{letter: "a"}}, "ab", 2},
		{"again", "one that asks for it runs once more when something changed after it", "", []Evaluator{appender{"a", true}, appender{"b", true}, appender{"c", false}}, "abcab", 5},
		{"once", "and not when nothing did", "c", []Evaluator{appender{"a", false}, appender{"b", true}}, "cab", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			object, results := NewSet(test.policies, nil).Mutate(t.Context(), &Request{Object: map[string]any{"word": test.word}}, World{})
			if object["word"] != test.want || len(results) != test.results {
				t.Errorf("%v with %d results, want %s with %d: %s", object["word"], len(results), test.want, test.results, test.reason)
			}
		})
	}
}
