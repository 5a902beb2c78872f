package migrate_test

import (
	"encoding/json"
	"testing"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/corpus"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/proof"
)

// TestCorpus rewrites every legacy rule of the corpus that it can, and proves
// both forms equal; it says how many that are.
func TestCorpus(t *testing.T) {
	t.Parallel()
	cases, err := corpus.All("legacy")
	if err != nil {
		t.Fatal(err)
	}
	count := &counted{reasons: map[string]int{}}
	for _, c := range cases {
		documents, _ := load.Parse(c.Name, c.Policy)
		for _, document := range documents {
			if source, ok := document.Object.(*kyvernov1.ClusterPolicy); ok {
				count.policy(t, c.Name, document, source)
			}
		}
	}
	t.Logf("%d rules: %d rewritten and equal, %d left", count.rules, count.equal, count.left)
	for reason, n := range count.reasons {
		t.Logf("left %d: %s", n, reason)
	}
	if count.equal < 40 {
		t.Errorf("only %d of %d rules were rewritten", count.equal, count.rules)
	}
}

// counted is what became of rules.
type counted struct {
	rules, equal, left int
	reasons            map[string]int
}

func (c *counted) policy(t *testing.T, name string, document load.Document, source *kyvernov1.ClusterPolicy) {
	t.Helper()
	for i, rewritten := range migrate.Rewrite(source) {
		compiled, problems := load.CompileEach([]load.Document{document.As(migrate.Single(source, i))}, load.Standard(load.Options{}))
		if len(problems) > 0 || len(compiled) == 0 {
			return // a case about a mistake
		}
		c.rules++
		if rewritten.Policy == nil {
			c.left++
			c.reasons[rewritten.Left]++
			continue
		}
		after, problems := load.CompileEach([]load.Document{load.Of(rewritten.Policy, "rewritten")}, load.Standard(load.Options{}))
		if len(problems) > 0 {
			t.Errorf("%s, rule %s: %v", name, rewritten.Rule, problems)
			continue
		}
		proved := proof.Prove(t.Context(), compiled[0].Evaluator, after[0].Evaluator, rewritten.Rule, proof.Around(source.Spec.Rules[i]), 300, 1)
		if len(proved.Differences) > 0 {
			difference := proved.Differences[0]
			object, _ := json.Marshal(difference.Object)
			before, _ := json.Marshal(difference.OldObject)
			t.Errorf("%s, rule %s: %s was %s, is %s: %s, before %s", name, rewritten.Rule, difference.Operation, difference.Before, difference.After, object, before)
			continue
		}
		c.equal++
	}
}
