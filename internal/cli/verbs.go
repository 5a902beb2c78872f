package cli

import (
	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/doctor"
	"github.com/roadbed-dev/roadbed/internal/cli/tenants"
	"github.com/roadbed-dev/roadbed/internal/cli/units"
)

// tenancyVerbs work with tenants, business units and tiers.
func (p *program) tenancyVerbs() []*cobra.Command {
	return []*cobra.Command{tenants.Verb(&p.Program), units.Verb(&p.Program), units.TierVerb(&p.Program), tenants.ExampleVerb(&p.Program)}
}

// clusterVerbs work with the platform in any cluster.
func (p *program) clusterVerbs() []*cobra.Command {
	return []*cobra.Command{p.installVerb(), p.uninstallVerb(), doctor.Verb(&p.Program), p.domainsVerb(), p.trailVerb()}
}
