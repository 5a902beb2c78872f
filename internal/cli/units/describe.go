package units

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// unit and tier shorten the kinds' names where they are type parameters.
type (
	unit = *tenancyv1.BusinessUnit
	tier = *tenancyv1.Tier
)

func (p *program) describeUnit(cmd *cobra.Command, c client.Client, u unit) error {
	s := verb.NewSheet(p.Out)
	s.Fields(
		verb.Label("Name", verb.Named(u.Name, u.Spec.DisplayName)),
		verb.Label("Parent", u.Spec.Parent),
		verb.Label("Admins", verb.Subjects(u.Spec.Admins)),
		verb.Label("Jurisdictions", strings.Join(u.Spec.Jurisdictions, ", ")),
		verb.Label("Tiers", verb.AnyOf(u.Spec.Tiers)),
		verb.Label("Cost centers", verb.AnyOf(u.Spec.CostCenters)),
		verb.Label("Tenants", strconv.Itoa(int(u.Status.Tenants))),
	)
	s.Conditions(p.Program, u.Status.Conditions)
	s.Section("Envelope", []string{"RESOURCE", "RESERVED", "ENVELOPE", "FREE"}, envelopeRows(u))
	rows := make([][]string, len(u.Status.Reservations))
	for i, r := range u.Status.Reservations {
		cpu, memory := r.Quota[corev1.ResourceRequestsCPU], r.Quota[corev1.ResourceRequestsMemory]
		rows[i] = []string{r.Kind, r.Name, quota.Amount(cpu), quota.Amount(memory)}
	}
	slices.SortFunc(rows, slices.Compare)
	s.Section("Reservations", []string{"KIND", "NAME", "CPU", "MEMORY"}, rows)
	s.Events(cmd.Context(), p.Program, c, "BusinessUnit", u.Name)
	return s.Err()
}

// envelopeRows add to each resource what is still free.
func envelopeRows(u unit) [][]string {
	rows := verb.QuantityRows(u.Status.Reserved, u.Spec.Envelope)
	for i, row := range rows {
		name := corev1.ResourceName(row[0])
		free := u.Spec.Envelope[name].DeepCopy()
		free.Sub(u.Status.Reserved[name])
		rows[i] = append(row, quota.Amount(free))
	}
	return rows
}
