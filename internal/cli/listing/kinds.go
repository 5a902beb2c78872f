package listing

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// Tenants are the tenants.
func Tenants(now clock.PassiveClock) Kind[*tenancyv1.Tenant] {
	type T = *tenancyv1.Tenant
	return Kind[T]{
		singular: "tenant", plural: "tenants", example: "payments",
		gvk:       tenancyv1.GroupVersion.WithKind("Tenant"),
		newObject: func() T { return &tenancyv1.Tenant{} },
		newList:   func() client.ObjectList { return &tenancyv1.TenantList{} },
		items:     func(l client.ObjectList) []T { return pointers(l.(*tenancyv1.TenantList).Items) },
		columns: []column[T]{
			{heading: "NAME", cell: func(t T) string { return t.Name }},
			{heading: "TIER", cell: func(t T) string { return t.Spec.Tier }},
			{heading: "BUSINESS UNIT", cell: func(t T) string { return t.Spec.BusinessUnit }},
			{heading: "OWNER", cell: func(t T) string { return t.Spec.Owner }},
			{heading: "NAMESPACES", cell: func(t T) string { return IsolatedCount(t.Status.Namespaces) }},
			{heading: "READY", cell: func(t T) string { return readiness(t.Status.Conditions) }},
			{heading: "REASON", cell: func(t T) string { return ReadyCondition(t.Status.Conditions).Reason }},
			{heading: "MODEL", wide: true, cell: func(t T) string { return string(t.Status.Model) }},
			{heading: "JURISDICTIONS", wide: true, cell: func(t T) string { return strings.Join(t.Spec.Jurisdictions, ",") }},
			{heading: "COST CENTER", wide: true, cell: func(t T) string { return t.Spec.CostCenter }},
			{heading: "AGE", cell: func(t T) string { return age(now, t) }},
			{heading: "MESSAGE", wide: true, cell: func(t T) string { return ReadyCondition(t.Status.Conditions).Message }},
		},
	}
}

// Units are the business units.
func Units(now clock.PassiveClock) Kind[*tenancyv1.BusinessUnit] {
	type T = *tenancyv1.BusinessUnit
	return Kind[T]{
		singular: "business unit", plural: "business units", example: "retail",
		gvk:       tenancyv1.GroupVersion.WithKind("BusinessUnit"),
		newObject: func() T { return &tenancyv1.BusinessUnit{} },
		newList:   func() client.ObjectList { return &tenancyv1.BusinessUnitList{} },
		items:     func(l client.ObjectList) []T { return pointers(l.(*tenancyv1.BusinessUnitList).Items) },
		columns: []column[T]{
			{heading: "NAME", cell: func(b T) string { return b.Name }},
			{heading: "PARENT", cell: func(b T) string { return b.Spec.Parent }},
			{heading: "TENANTS", cell: func(b T) string { return strconv.Itoa(int(b.Status.Tenants)) }},
			{heading: "CPU", cell: func(b T) string { return Share(b, corev1.ResourceRequestsCPU) }},
			{heading: "MEMORY", cell: func(b T) string { return Share(b, corev1.ResourceRequestsMemory) }},
			{heading: "READY", cell: func(b T) string { return readiness(b.Status.Conditions) }},
			{heading: "REASON", wide: true, cell: func(b T) string { return ReadyCondition(b.Status.Conditions).Reason }},
			{heading: "JURISDICTIONS", wide: true, cell: func(b T) string { return strings.Join(b.Spec.Jurisdictions, ",") }},
			{heading: "TIERS", wide: true, cell: func(b T) string { return strings.Join(b.Spec.Tiers, ",") }},
			{heading: "AGE", cell: func(b T) string { return age(now, b) }},
		},
	}
}

// Tiers are the tiers.
func Tiers(now clock.PassiveClock) Kind[*tenancyv1.Tier] {
	type T = *tenancyv1.Tier
	return Kind[T]{
		singular: "tier", plural: "tiers", example: "tier-1",
		gvk:       tenancyv1.GroupVersion.WithKind("Tier"),
		newObject: func() T { return &tenancyv1.Tier{} },
		newList:   func() client.ObjectList { return &tenancyv1.TierList{} },
		items:     func(l client.ObjectList) []T { return pointers(l.(*tenancyv1.TierList).Items) },
		compare:   func(a, b T) int { return cmp.Compare(a.Spec.Rank, b.Spec.Rank) },
		columns: []column[T]{
			{heading: "NAME", cell: func(t T) string { return t.Name }},
			{heading: "RANK", cell: func(t T) string { return strconv.Itoa(int(t.Spec.Rank)) }},
			{heading: "MODEL", cell: func(t T) string { return string(t.Spec.Isolation.Default) }},
			{heading: "POD SECURITY", cell: func(t T) string { return t.Spec.PodSecurity }},
			{heading: "NETWORK", cell: func(t T) string { return string(t.Spec.Network.Strictness) }},
			{heading: "KEYS", wide: true, cell: func(t T) string { return t.Spec.KeyCustody }},
			{heading: "TENANTS", cell: func(t T) string { return strconv.Itoa(int(t.Status.Tenants)) }},
			{heading: "READY", cell: func(t T) string { return readiness(t.Status.Conditions) }},
			{heading: "AGE", cell: func(t T) string { return age(now, t) }},
			{heading: "DESCRIPTION", wide: true, cell: func(t T) string { return t.Spec.Description }},
		},
	}
}

func pointers[T any](items []T) []*T {
	all := make([]*T, len(items))
	for i := range items {
		all[i] = &items[i]
	}
	return all
}

// ReadyCondition is the condition Ready, of unknown status when there is none.
func ReadyCondition(conditions []metav1.Condition) metav1.Condition {
	if found := condition.Get(conditions, condition.Ready); found != nil {
		return *found
	}
	return metav1.Condition{Type: condition.Ready, Status: metav1.ConditionUnknown}
}

func readiness(conditions []metav1.Condition) string {
	return string(ReadyCondition(conditions).Status)
}

// IsolatedCount is how many of the namespaces are isolated, such as 2/3.
func IsolatedCount(namespaces []tenancyv1.TenantNamespaceStatus) string {
	isolated := 0
	for _, ns := range namespaces {
		if ns.Isolated {
			isolated++
		}
	}
	return fmt.Sprintf("%d/%d", isolated, len(namespaces))
}

// Share is what a business unit has reserved of its envelope, such as 380/400.
func Share(unit *tenancyv1.BusinessUnit, name corev1.ResourceName) string {
	envelope, limited := unit.Spec.Envelope[name]
	reserved := unit.Status.Reserved[name]
	if !limited {
		return quota.Amount(reserved) + "/any"
	}
	return quota.Amount(reserved) + "/" + quota.Amount(envelope)
}

func age(now clock.PassiveClock, object client.Object) string {
	created := object.GetCreationTimestamp()
	if created.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Since(created.Time).Truncate(time.Second))
}

// IsReady says whether the tenant is Ready as it is now wished for.
func IsReady(t *tenancyv1.Tenant) bool {
	return t.Status.ObservedGeneration >= t.Generation && condition.IsTrue(t.Status.Conditions, condition.Ready)
}
