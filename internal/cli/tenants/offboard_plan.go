package tenants

import (
	"context"
	"fmt"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// offboardingPlan is what would go with a tenant, and what would stay.
type offboardingPlan struct {
	Tenant       string             `json:"tenant"`
	BusinessUnit string             `json:"businessUnit"`
	Owner        string             `json:"owner"`
	LegalHold    string             `json:"legalHold,omitempty"`
	Namespaces   []namespaceLeaving `json:"namespaces"`
	Claims       []claimLeaving     `json:"claims"`

	tenant *tenancyv1.Tenant
}

type namespaceLeaving struct {
	Name        string `json:"name"`
	Environment string `json:"environment,omitempty"`
	Pods        int    `json:"pods"`
	Claims      int    `json:"claims"`
	// Unread is true when who asks may not look into the namespace.
	Unread bool `json:"unread,omitempty"`
}

type claimLeaving struct {
	Claim  string `json:"claim"`
	Size   string `json:"size"`
	Volume string `json:"volume,omitempty"`
	Fate   string `json:"fate"`
}

// planOffboarding looks at what the tenant has. It changes nothing.
func planOffboarding(ctx context.Context, c client.Client, t *tenancyv1.Tenant) (offboardingPlan, error) {
	plan := offboardingPlan{
		Tenant: t.Name, BusinessUnit: t.Spec.BusinessUnit, Owner: t.Spec.Owner, LegalHold: t.Spec.Lifecycle.LegalHold,
		Namespaces: []namespaceLeaving{}, Claims: []claimLeaving{}, tenant: t,
	}
	for _, ns := range t.Status.Namespaces {
		held, err := holdingsOf(ctx, c, ns.Name)
		if err != nil {
			return plan, err
		}
		plan.Namespaces = append(plan.Namespaces, namespaceLeaving{ns.Name, ns.Environment, held.pods, len(held.claims), held.unread})
		plan.Claims = append(plan.Claims, held.leaving()...)
	}
	return plan, nil
}

// printOffboardingPlan prints the plan as the verb's result.
func (p *program) printOffboardingPlan(out *verb.Output, plan offboardingPlan) error {
	if out.Chosen == verb.FormatName {
		_, err := fmt.Fprintln(p.Out, manifest.FullName(withTenantKind(plan.tenant)))
		return err
	}
	return out.Print(p.Out, plan, func() error { return plan.show(p) })
}

// show tells the plan in words.
func (plan offboardingPlan) show(p *program) error {
	s := verb.NewSheet(p.Out)
	s.Printf("Offboarding tenant %s of business unit %s, owned by %s.\n", plan.Tenant, plan.BusinessUnit, plan.Owner)
	if plan.LegalHold != "" {
		s.Printf("\nLegal hold: %s\nThe procedure stops before the drain until spec.lifecycle.legalHold is emptied.\n", plan.LegalHold)
	}
	namespaces := make([][]string, len(plan.Namespaces))
	for i, ns := range plan.Namespaces {
		namespaces[i] = []string{ns.Name, ns.Environment, strconv.Itoa(ns.Pods), strconv.Itoa(ns.Claims)}
		if ns.Unread {
			namespaces[i][2], namespaces[i][3] = "not yours to see", "not yours to see"
		}
	}
	claims := make([][]string, len(plan.Claims))
	for i, claim := range plan.Claims {
		claims[i] = []string{claim.Claim, claim.Size, claim.Volume, claim.Fate}
	}
	s.Section("Namespaces", []string{"NAME", "ENVIRONMENT", "PODS", "CLAIMS"}, namespaces)
	s.Section("Volume claims", []string{"CLAIM", "SIZE", "VOLUME", "WHAT BECOMES OF IT"}, claims)
	s.Printf("\nSteps: cordon, export, legal-hold check, drain, delete, residue report.\n")
	return s.Err()
}
