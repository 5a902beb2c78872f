package corpus_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/corpus"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// TestCases loads each case's policies, lets them judge its objects, and wants
// what the case expects. It is the same for policies of any format.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t, ".") {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			evaluators, problems := compiled(c)
			for _, wanted := range c.Problems {
				if !strings.Contains(problems, wanted) {
					t.Errorf("%s\nproblems %q, want %q", c.Description, problems, wanted)
				}
			}
			if len(c.Problems) == 0 && problems != "" {
				t.Fatalf("%s\nthe policy does not load: %s", c.Description, problems)
			}
			for _, difference := range c.Differences(c.Judge(t.Context(), evaluators)) {
				t.Errorf("%s\n%s", c.Description, difference)
			}
		})
	}
}

// compiled loads the policies of a case, and returns the problems as text.
func compiled(c corpus.Case) ([]policy.Evaluator, string) {
	documents, found := load.Parse("policy.yaml", c.Policy)
	chance := rand.New(rand.NewPCG(2026, 11))
	compilers := load.Standard(load.Options{Legacy: legacy.Options{Random: chance.IntN}})
	evaluators, more := load.Compile(documents, compilers)
	var text strings.Builder
	for _, problem := range append(found, more...) {
		text.WriteString(problem.String() + "\n")
	}
	return evaluators, text.String()
}
