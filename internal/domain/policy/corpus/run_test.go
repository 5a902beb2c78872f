package corpus_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/corpus"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/exception"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// TestCases loads each case's policies, lets them judge its objects, and wants
// what the case expects. It is the same for policies of any format.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t, ".") {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			evaluators, exempt, problems := compiled(c)
			for _, wanted := range c.Problems {
				if !strings.Contains(problems, wanted) {
					t.Errorf("%s\nproblems %q, want %q", c.Description, problems, wanted)
				}
			}
			if len(c.Problems) == 0 && problems != "" {
				t.Fatalf("%s\nthe policy does not load: %s", c.Description, problems)
			}
			outcome := c.Judge(t.Context(), evaluators)
			if exempt != nil {
				var err error
				if outcome, err = c.JudgeExcept(t.Context(), evaluators, exempt); err != nil {
					t.Fatal(err)
				}
			}
			for _, difference := range c.Differences(outcome) {
				t.Errorf("%s\n%s", c.Description, difference)
			}
		})
	}
}

// compiled loads the policies and exceptions of a case, and returns the problems
// as text.
func compiled(c corpus.Case) ([]policy.Evaluator, scenario.Exemptions, string) {
	documents, found := load.Parse("policy.yaml", c.Policy)
	chance := rand.New(rand.NewPCG(2026, 11))
	exceptions := exception.Among(documents)
	options := load.Options{Legacy: legacy.Options{Random: chance.IntN}}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	options.Allowances = exception.Allowing(exceptions, now, load.Standard(options))
	evaluators, more := load.Compile(documents, load.Standard(options))
	world := exception.WorldOf(evaluators, nil, now)
	exempt, others := exception.Compile(exceptions, world, load.Standard(options))
	var text strings.Builder
	for _, problem := range slices.Concat(found, more, others) {
		text.WriteString(problem.String() + "\n")
	}
	return evaluators, exempt, text.String()
}
