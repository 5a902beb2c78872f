package cli

import (
	"github.com/spf13/cobra"
)

// unitVerb holds the verbs of business units.
func (p *program) unitVerb() *cobra.Command {
	r := p.units()
	cmd := family("bu", "Look after business units",
		`A business unit is a part of the organisation that onboards tenants by itself:
its admins create and change tenants inside its envelope of resources, its
jurisdictions, tiers and cost centres. Business units form a tree.`,
		listVerb(p, r, filter[unit]{
			flag: "parent", usage: "only the children of this business unit",
			field: func(u unit) string { return u.Spec.Parent }, complete: p.unitNames(),
		}),
		getVerb(p, r),
		describeVerb(p, r, p.describeUnit),
		p.unitCreateVerb(),
		p.unitTreeVerb(),
	)
	cmd.Aliases = []string{"business-unit", "businessunit", "bus"}
	return cmd
}
