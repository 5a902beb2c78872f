package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// unit and tier shorten the kinds' names where they are type parameters.
type (
	unit = *tenancyv1.BusinessUnit
	tier = *tenancyv1.Tier
)

func (p *program) describeUnit(cmd *cobra.Command, c client.Client, u unit) error {
	s := &sheet{w: p.Out}
	s.fields(
		labelled{"Name", named(u.Name, u.Spec.DisplayName)},
		labelled{"Parent", u.Spec.Parent},
		labelled{"Admins", subjects(u.Spec.Admins)},
		labelled{"Jurisdictions", strings.Join(u.Spec.Jurisdictions, ", ")},
		labelled{"Tiers", anyOf(u.Spec.Tiers)},
		labelled{"Cost centers", anyOf(u.Spec.CostCenters)},
		labelled{"Tenants", strconv.Itoa(int(u.Status.Tenants))},
	)
	s.conditions(p, u.Status.Conditions)
	s.section("Envelope", []string{"RESOURCE", "RESERVED", "ENVELOPE", "FREE"}, envelopeRows(u))
	rows := make([][]string, len(u.Status.Reservations))
	for i, r := range u.Status.Reservations {
		cpu, memory := r.Quota[corev1.ResourceRequestsCPU], r.Quota[corev1.ResourceRequestsMemory]
		rows[i] = []string{r.Kind, r.Name, cpu.String(), memory.String()}
	}
	slices.SortFunc(rows, slices.Compare)
	s.section("Reservations", []string{"KIND", "NAME", "CPU", "MEMORY"}, rows)
	s.events(cmd.Context(), p, c, "BusinessUnit", u.Name)
	return s.err
}

// envelopeRows add to each resource what is still free.
func envelopeRows(u unit) [][]string {
	rows := quantityRows(u.Status.Reserved, u.Spec.Envelope)
	for i, row := range rows {
		name := corev1.ResourceName(row[0])
		free := u.Spec.Envelope[name].DeepCopy()
		free.Sub(u.Status.Reserved[name])
		rows[i] = append(row, free.String())
	}
	return rows
}

func anyOf(names []string) string {
	if len(names) == 0 {
		return "any"
	}
	return strings.Join(names, ", ")
}
