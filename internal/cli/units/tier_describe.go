package units

import (
	"fmt"
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

func (p *program) describeTier(cmd *cobra.Command, c client.Client, t tier) error {
	s := verb.NewSheet(p.Out)
	models := make([]string, len(t.Spec.Isolation.Allowed))
	for i, m := range t.Spec.Isolation.Allowed {
		models[i] = string(m)
	}
	s.Fields(
		verb.Label("Name", verb.Named(t.Name, t.Spec.DisplayName)),
		verb.Label("Description", t.Spec.Description),
		verb.Label("Rank", strconv.Itoa(int(t.Spec.Rank))),
		verb.Label("Model", fmt.Sprintf("%s (allowed: %s)", t.Spec.Isolation.Default, strings.Join(models, ", "))),
		verb.Label("Pod security", t.Spec.PodSecurity),
		verb.Label("Network", string(t.Spec.Network.Strictness)),
		verb.Label("Keys", t.Spec.KeyCustody),
		verb.Label("Tenants", strconv.Itoa(int(t.Status.Tenants))),
	)
	s.Conditions(p.Program, t.Status.Conditions)
	s.Section("Quota of a tenant", []string{"RESOURCE", "AMOUNT"}, amounts(t.Spec.Quota))
	s.Section("Each container gets", []string{"RESOURCE", "REQUEST", "LIMIT", "AT MOST"}, limitRows(t.Spec.Limits))
	rows := make([][]string, len(t.Spec.StorageClasses))
	for i, class := range t.Spec.StorageClasses {
		rows[i] = []string{class.Name, capacity(class), claims(class)}
	}
	s.Section("Storage classes", []string{"NAME", "CAPACITY", "CLAIMS"}, rows)
	s.Events(cmd.Context(), p.Program, c, "Tier", t.Name)
	return s.Err()
}

func amounts(list corev1.ResourceList) [][]string {
	rows := make([][]string, 0, len(list))
	for name, amount := range list {
		rows = append(rows, []string{string(name), quota.Amount(amount)})
	}
	slices.SortFunc(rows, slices.Compare)
	return rows
}

func limitRows(limits tenancyv1.LimitDefaults) [][]string {
	text := func(list corev1.ResourceList, name corev1.ResourceName) string {
		amount, ok := list[name]
		if !ok {
			return ""
		}
		return quota.Amount(amount)
	}
	names := map[corev1.ResourceName]bool{}
	for _, list := range []corev1.ResourceList{limits.DefaultRequest, limits.Default, limits.Max} {
		for name := range list {
			names[name] = true
		}
	}
	var rows [][]string
	for name := range names {
		rows = append(rows, []string{string(name), text(limits.DefaultRequest, name), text(limits.Default, name), text(limits.Max, name)})
	}
	slices.SortFunc(rows, slices.Compare)
	return rows
}

func capacity(class tenancyv1.StorageClassQuota) string {
	if class.Capacity == nil {
		return ""
	}
	return class.Capacity.String()
}

func claims(class tenancyv1.StorageClassQuota) string {
	if class.Claims == nil {
		return ""
	}
	return strconv.FormatInt(*class.Claims, 10)
}
