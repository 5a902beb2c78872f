package units

import (
	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// TierVerb holds the verbs of tiers.
func TierVerb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	r := listing.Tiers(p.Clock)
	cmd := verb.Family("tier", "Look at tiers",
		`A tier is a risk class: what it means for isolation, Pod Security, quotas,
limits, network and storage. Each tenant names one.`,
		listing.ListVerb(p.Program, r), listing.GetVerb(p.Program, r), listing.DescribeVerb(p.Program, r, p.describeTier))
	cmd.Aliases = []string{"tiers"}
	return cmd
}
