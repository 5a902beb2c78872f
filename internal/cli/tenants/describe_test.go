package tenants

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

func TestConditionsSayTheNextStep(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	text := verb.NewSheet(&s.Stdout)
	for _, tenant := range verbtest.Tenants() {
		text.Printf("%s", tenant.Name)
		text.Conditions(s.Program(), tenant.Status.Conditions)
		text.Section("Namespaces", []string{"NAME", "ENVIRONMENT", "ISOLATED", "MISSING"}, namespaceRows(tenant))
		text.Printf("\n")
	}
	if text.Err() != nil {
		t.Fatal(text.Err())
	}
	golden.Check(t, "testdata/output/conditions.golden", s.Stdout.Bytes())
}
