package units

import (
	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// program is what verbs share, with the verbs of this package as methods.
type program struct{ *verb.Program }

// Verb holds the verbs of business units.
func Verb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	r := listing.Units(p.Clock)
	cmd := verb.Family("bu", "Look after business units",
		`A business unit is a part of the organisation that onboards tenants by itself:
its admins create and change tenants inside its envelope of resources, its
jurisdictions, tiers and cost centres. Business units form a tree.`,
		listing.ListVerb(p.Program, r, listing.Filter[unit]{
			Name: "parent", Usage: "only the children of this business unit",
			Field: func(u unit) string { return u.Spec.Parent }, Complete: p.UnitNames(),
		}),
		listing.GetVerb(p.Program, r),
		listing.DescribeVerb(p.Program, r, p.describeUnit),
		p.unitCreateVerb(),
		p.unitTreeVerb(),
	)
	cmd.Aliases = []string{"business-unit", "businessunit", "bus"}
	return cmd
}
