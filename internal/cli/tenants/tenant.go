package tenants

import (
	"github.com/spf13/cobra"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// tenant shortens the kind's name where it is a type parameter.
type tenant = *tenancyv1.Tenant

// program is what verbs share, with the verbs of this package as methods.
type program struct{ *verb.Program }

// Verb holds the verbs of tenants.
func Verb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	r := listing.Tenants(p.Clock)
	cmd := verb.Family("tenant", "Onboard, look after and offboard tenants",
		`A tenant is a team's place on the platform: namespaces with access, quotas,
limits, network rules and storage of its own, generated from a few lines and kept
as they are.`,
		p.tenantCreateVerb(),
		p.tenantApplyVerb(),
		listing.ListVerb(p.Program, r,
			listing.Filter[tenant]{Name: "business-unit", Usage: "only tenants of this business unit", Field: func(t tenant) string { return t.Spec.BusinessUnit }, Complete: p.UnitNames()},
			listing.Filter[tenant]{Name: "tier", Usage: "only tenants of this tier", Field: func(t tenant) string { return t.Spec.Tier }, Complete: p.TierNames()},
			listing.Filter[tenant]{Name: "owner", Usage: "only tenants of this team", Field: func(t tenant) string { return t.Spec.Owner }, Complete: verb.CompleteFixed()},
		),
		listing.GetVerb(p.Program, r),
		listing.DescribeVerb(p.Program, r, p.describeTenant),
		p.tenantPlanVerb(),
		p.tenantAdoptVerb(),
		p.tenantOffboardVerb(),
		p.tenantImportVerb(),
	)
	cmd.Aliases = []string{"tenants", "tn"}
	return cmd
}
