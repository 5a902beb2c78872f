package cli

import (
	"github.com/spf13/cobra"
)

// tierVerb holds the verbs of tiers.
func (p *program) tierVerb() *cobra.Command {
	r := p.tiers()
	cmd := family("tier", "Look at tiers",
		`A tier is a risk class: what it means for isolation, Pod Security, quotas,
limits, network and storage. Each tenant names one.`,
		listVerb(p, r), getVerb(p, r), describeVerb(p, r, p.describeTier))
	cmd.Aliases = []string{"tiers"}
	return cmd
}
