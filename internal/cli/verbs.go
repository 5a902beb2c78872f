package cli

import "github.com/spf13/cobra"

// tenancyVerbs work with tenants, business units and tiers.
func (p *program) tenancyVerbs() []*cobra.Command {
	return []*cobra.Command{p.tenantVerb(), p.unitVerb(), p.tierVerb(), p.exampleVerb()}
}

// clusterVerbs work with the platform in any cluster.
func (p *program) clusterVerbs() []*cobra.Command {
	return []*cobra.Command{p.installVerb(), p.doctorVerb(), p.domainsVerb(), p.trailVerb()}
}
