package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

func (p *program) describeTenant(cmd *cobra.Command, c client.Client, t tenant) error {
	s := &sheet{w: p.Out}
	s.fields(
		labelled{"Name", named(t.Name, t.Spec.DisplayName)},
		labelled{"Owner", t.Spec.Owner},
		labelled{"Business unit", t.Spec.BusinessUnit},
		labelled{"Tier", t.Spec.Tier},
		labelled{"Model", string(t.Status.Model)},
		labelled{"Jurisdictions", strings.Join(t.Spec.Jurisdictions, ", ")},
		labelled{"Cost center", t.Spec.CostCenter},
		labelled{"Data class", t.Spec.DataClass},
		labelled{"Registries", anyOf(t.Spec.Registries)},
		labelled{"Life cycle", string(t.Spec.Lifecycle.State)},
		labelled{"Legal hold", t.Spec.Lifecycle.LegalHold},
	)
	s.conditions(p, t.Status.Conditions)
	s.section("Namespaces", []string{"NAME", "ENVIRONMENT", "ISOLATED", "MISSING"}, namespaceRows(t))
	s.section("Access", []string{"ROLE", "WHO"}, accessRows(t))
	s.section("Network opened", []string{"DIRECTION", "PEER", "PORTS"}, networkRows(t))
	for _, ns := range t.Status.Namespaces {
		s.quota(cmd.Context(), c, ns.Name)
	}
	s.offboarding(t.Status.Offboarding)
	s.events(cmd.Context(), p, c, "Tenant", t.Name)
	return s.err
}

func namespaceRows(t tenant) [][]string {
	rows := make([][]string, len(t.Status.Namespaces))
	for i, ns := range t.Status.Namespaces {
		rows[i] = []string{ns.Name, ns.Environment, yesNo(ns.Isolated), ns.Message}
	}
	return rows
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func accessRows(t tenant) [][]string {
	var rows [][]string
	for _, role := range []struct {
		name string
		who  []tenancyv1.Subject
	}{
		{"admins", t.Spec.Access.Admins},
		{"developers", t.Spec.Access.Developers},
		{"viewers", t.Spec.Access.Viewers},
	} {
		if len(role.who) > 0 {
			rows = append(rows, []string{role.name, subjects(role.who)})
		}
	}
	return rows
}

func networkRows(t tenant) [][]string {
	var rows [][]string
	for _, peer := range t.Spec.Network.IngressFrom {
		rows = append(rows, []string{"in", "tenant " + peer.Tenant, ports(peer.Ports)})
	}
	for _, peer := range t.Spec.Network.EgressTo {
		rows = append(rows, []string{"out", "tenant " + peer.Tenant, ports(peer.Ports)})
	}
	for _, peer := range t.Spec.Network.EgressCIDRs {
		rows = append(rows, []string{"out", peer.CIDR, ports(peer.Ports)})
	}
	return rows
}

func ports(all []tenancyv1.NetworkPort) string {
	if len(all) == 0 {
		return "all"
	}
	names := make([]string, len(all))
	for i, port := range all {
		protocol := port.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		names[i] = fmt.Sprintf("%d/%s", port.Port, protocol)
	}
	return strings.Join(names, ", ")
}

// quota prints what a namespace uses of its quota, the fullest first; resources
// of which nothing may be had and nothing is used are left out.
func (s *sheet) quota(ctx context.Context, c client.Client, namespace string) {
	var list corev1.ResourceQuotaList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		s.printf("\nQuota of %s:\n  cannot be read: %v\n", namespace, err)
		return
	}
	var rows [][]string
	for _, q := range list.Items {
		hard := corev1.ResourceList{}
		for name, most := range q.Spec.Hard {
			if used := q.Status.Used[name]; !most.IsZero() || !used.IsZero() {
				hard[name] = most
			}
		}
		for _, row := range quantityRows(q.Status.Used, hard) {
			name := corev1.ResourceName(row[0])
			rows = append(rows, append(row, percent(q.Status.Used, hard, name)))
		}
	}
	slices.SortStableFunc(rows, func(a, b []string) int { return strings.Compare(fullness(b[3]), fullness(a[3])) })
	s.section("Quota of "+namespace, []string{"RESOURCE", "USED", "HARD", "SHARE"}, rows)
}

// percent is how much of the quota is used.
func percent(used, hard corev1.ResourceList, name corev1.ResourceName) string {
	have, most := used[name], hard[name]
	if most.IsZero() {
		return "over"
	}
	return fmt.Sprintf("%.0f%%", 100*have.AsApproximateFloat64()/most.AsApproximateFloat64())
}

// fullness makes shares comparable as text.
func fullness(share string) string { return fmt.Sprintf("%8s", share) }

// offboarding prints how far the procedure is.
func (s *sheet) offboarding(status *tenancyv1.OffboardingStatus) {
	if status == nil {
		return
	}
	rows := make([][]string, len(status.Steps))
	for i, step := range status.Steps {
		rows[i] = []string{step.Name, step.State, step.Message}
	}
	s.section("Offboarding", []string{"STEP", "STATE", "MESSAGE"}, rows)
	if status.Export != "" {
		s.printf("  Exported to %s\n", status.Export)
	}
	for _, left := range status.Residue {
		s.printf("  Left behind: %s\n", left)
	}
}
