package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func (p *program) describeTenant(cmd *cobra.Command, c client.Client, t tenant) error {
	s := verb.NewSheet(p.Out)
	s.Fields(
		verb.Label("Name", verb.Named(t.Name, t.Spec.DisplayName)),
		verb.Label("Owner", t.Spec.Owner),
		verb.Label("Business unit", t.Spec.BusinessUnit),
		verb.Label("Tier", t.Spec.Tier),
		verb.Label("Model", string(t.Status.Model)),
		verb.Label("Jurisdictions", strings.Join(t.Spec.Jurisdictions, ", ")),
		verb.Label("Cost center", t.Spec.CostCenter),
		verb.Label("Data class", t.Spec.DataClass),
		verb.Label("Registries", verb.AnyOf(t.Spec.Registries)),
		verb.Label("Life cycle", string(t.Spec.Lifecycle.State)),
		verb.Label("Legal hold", t.Spec.Lifecycle.LegalHold),
	)
	s.Conditions(p.Program, t.Status.Conditions)
	s.Section("Namespaces", []string{"NAME", "ENVIRONMENT", "ISOLATED", "MISSING"}, namespaceRows(t))
	s.Section("Access", []string{"ROLE", "WHO"}, accessRows(t))
	s.Section("Network opened", []string{"DIRECTION", "PEER", "PORTS"}, networkRows(t))
	for _, ns := range t.Status.Namespaces {
		printQuota(cmd.Context(), s, c, ns.Name)
	}
	printOffboarding(s, t.Status.Offboarding)
	s.Events(cmd.Context(), p.Program, c, "Tenant", t.Name)
	return s.Err()
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
			rows = append(rows, []string{role.name, verb.Subjects(role.who)})
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

// headlines are the quota resources that a description always shows.
var headlines = []corev1.ResourceName{
	corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory,
	corev1.ResourcePods, corev1.ResourceRequestsStorage, corev1.ResourcePersistentVolumeClaims, corev1.ResourceServicesLoadBalancers,
}

// crowded is the share of a quota from which on a description shows it whatever
// it is, in percent.
const crowded = 50

// printQuota prints what a namespace uses of its quota: the headlines, and everything
// of which half is gone.
func printQuota(ctx context.Context, s *verb.Sheet, c client.Client, namespace string) {
	var list corev1.ResourceQuotaList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		s.Printf("\nQuota of %s:\n  cannot be read: %v\n", namespace, err)
		return
	}
	var rows [][]string
	hidden := 0
	for _, q := range list.Items {
		shown := corev1.ResourceList{}
		for name, most := range q.Spec.Hard {
			if slices.Contains(headlines, name) || percent(q.Status.Used[name], most) >= crowded {
				shown[name] = most
				continue
			}
			hidden++
		}
		for _, row := range verb.QuantityRows(q.Status.Used, shown) {
			name := corev1.ResourceName(row[0])
			rows = append(rows, append(row, fmt.Sprintf("%.0f%%", percent(q.Status.Used[name], shown[name]))))
		}
	}
	s.Section("Quota of "+namespace, []string{"RESOURCE", "USED", "HARD", "SHARE"}, rows)
	if hidden > 0 {
		s.Printf("  %d more, less than half used: kubectl describe resourcequota -n %s\n", hidden, namespace)
	}
}

// percent is how much of the quota is used. A quota of nothing is not crowded
// until something is used of it.
func percent(used, hard resource.Quantity) float64 {
	if hard.IsZero() {
		return 100 * used.AsApproximateFloat64()
	}
	return 100 * used.AsApproximateFloat64() / hard.AsApproximateFloat64()
}

// printOffboarding prints how far the procedure is.
func printOffboarding(s *verb.Sheet, status *tenancyv1.OffboardingStatus) {
	if status == nil {
		return
	}
	rows := make([][]string, len(status.Steps))
	for i, step := range status.Steps {
		rows[i] = []string{step.Name, step.State, step.Message}
	}
	s.Section("Offboarding", []string{"STEP", "STATE", "MESSAGE"}, rows)
	if status.Export != "" {
		s.Printf("  Exported to %s\n", status.Export)
	}
	for _, left := range status.Residue {
		s.Printf("  Left behind: %s\n", left)
	}
}
