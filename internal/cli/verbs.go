package cli

import "github.com/spf13/cobra"

// tenancyVerbs work with tenants, business units and tiers.
func (p *program) tenancyVerbs() []*cobra.Command {
	return nil
}

// clusterVerbs work with the platform in any cluster.
func (p *program) clusterVerbs() []*cobra.Command {
	return nil
}
