package cli

import (
	"github.com/spf13/cobra"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// tenant shortens the kind's name where it is a type parameter.
type tenant = *tenancyv1.Tenant

// tenantVerb holds the verbs of tenants.
func (p *program) tenantVerb() *cobra.Command {
	r := p.tenants()
	cmd := family("tenant", "Onboard, look after and offboard tenants",
		`A tenant is a team's place on the platform: namespaces with access, quotas,
limits, network rules and storage of its own, generated from a few lines and kept
as they are.`,
		p.tenantCreateVerb(),
		p.tenantApplyVerb(),
		listVerb(p, r,
			filter[tenant]{flag: "business-unit", usage: "only tenants of this business unit", field: func(t tenant) string { return t.Spec.BusinessUnit }, complete: p.unitNames()},
			filter[tenant]{flag: "tier", usage: "only tenants of this tier", field: func(t tenant) string { return t.Spec.Tier }, complete: p.tierNames()},
			filter[tenant]{flag: "owner", usage: "only tenants of this team", field: func(t tenant) string { return t.Spec.Owner }, complete: completeFixed()},
		),
		getVerb(p, r),
		describeVerb(p, r, p.describeTenant),
		p.tenantPlanVerb(),
		p.tenantAdoptVerb(),
		p.tenantOffboardVerb(),
		p.tenantImportVerb(),
	)
	cmd.Aliases = []string{"tenants", "tn"}
	return cmd
}
