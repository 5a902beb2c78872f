package corpus_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/corpus"
)

// TestEvaluatorsKeepTheirPromises: whatever the policy, judging does not change
// the request, and several requests at once get the results that each gets alone.
func TestEvaluatorsKeepTheirPromises(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t, ".") {
		if len(c.Problems) > 0 || strings.HasSuffix(c.Name, "/random") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			evaluators, _, _ := compiled(c)
			requests := c.Requests()
			alone := judged(t, c, evaluators, requests)
			var together [4][]policy.Decision
			var group sync.WaitGroup
			for i := range together {
				group.Go(func() { together[i] = judged(t, c, evaluators, requests) })
			}
			group.Wait()
			for _, decisions := range together {
				if diff := cmp.Diff(alone, decisions); diff != "" {
					t.Errorf("several at once: %s", diff)
				}
			}
			if diff := cmp.Diff(c.Requests(), requests, cmpopts.IgnoreUnexported(policy.Request{})); diff != "" {
				t.Errorf("the request changed: %s", diff)
			}
		})
	}
}

func judged(t *testing.T, c corpus.Case, evaluators []policy.Evaluator, requests []*policy.Request) []policy.Decision {
	t.Helper()
	set, world := policy.NewSet(evaluators, nil), c.Stage.World()
	decisions := make([]policy.Decision, len(requests))
	for i, request := range requests {
		decisions[i] = set.Decide(t.Context(), request, world)
	}
	return decisions
}
