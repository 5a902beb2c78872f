package listing

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

func TestListsAreGolden(t *testing.T) {
	t.Parallel()
	for _, chosen := range verb.ListOutput().Allowed {
		t.Run(string(chosen), func(t *testing.T) {
			t.Parallel()
			s := verbtest.New(t)
			out := &verb.Output{Chosen: chosen}
			tenants := Tenants(s.Clock)
			if err := tenants.Print(&s.Stdout, out, tenants.sorted(verbtest.Tenants()), false); err != nil {
				t.Fatal(err)
			}
			units := Units(s.Clock)
			if err := units.Print(&s.Stdout, out, units.sorted(verbtest.Units()[:2]), false); err != nil {
				t.Fatal(err)
			}
			tiers := Tiers(s.Clock)
			if err := tiers.Print(&s.Stdout, out, tiers.sorted(tenancy.Tiers())[:1], true); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/output/list-"+string(chosen)+".golden", s.Stdout.Bytes())
		})
	}
}
