package units

import (
	"cmp"
	"slices"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

func TestTreeLeavesNobodyOut(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	if err := printTree(&s.Stdout, byName(verbtest.Units())); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/output/tree.golden", s.Stdout.Bytes())
}

func byName(units []unit) []unit {
	slices.SortFunc(units, func(a, b unit) int { return cmp.Compare(a.Name, b.Name) })
	return units
}
