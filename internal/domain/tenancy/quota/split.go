package quota

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// Overdraft is a resource of which namespaces claim more than the tenant has.
type Overdraft struct {
	// Resource that is overdrawn.
	Resource corev1.ResourceName
	// Total is what the tenant has, Claimed what its namespaces claim.
	Total, Claimed string
	// Missing is true if the tenant's quota does not name the resource.
	Missing bool
}

// String shows the overdraft's arithmetic.
func (o Overdraft) String() string {
	if o.Missing {
		return fmt.Sprintf("%s: namespaces claim %s, but the tenant's quota does not name it", o.Resource, o.Claimed)
	}
	return fmt.Sprintf("%s: namespaces claim %s of %s", o.Resource, o.Claimed, o.Total)
}

// Overdrafts lists the resources of which namespaces claim more than total
// has, sorted by resource.
func Overdrafts(total corev1.ResourceList, namespaces []v1alpha1.TenantNamespace) []Overdraft {
	claims := claimed(namespaces)
	var over []Overdraft
	for _, name := range sortedNames(claims) {
		claim := claims[name]
		amount, named := total[name]
		if !named || claim.Cmp(amount) > 0 {
			over = append(over, Overdraft{Resource: name, Total: amount.String(), Claimed: claim.String(), Missing: !named})
		}
	}
	return over
}

func claimed(namespaces []v1alpha1.TenantNamespace) corev1.ResourceList {
	lists := make([]corev1.ResourceList, 0, len(namespaces))
	for i := range namespaces {
		lists = append(lists, namespaces[i].Quota)
	}
	return Sum(lists...)
}

// Split divides a tenant's quota over its namespaces, in their order. Of each
// resource a namespace gets what it claims; the rest is divided evenly among
// those that claim nothing of it, in round amounts, the remainder going to
// the first of them. No namespaces means one share, the whole.
//
// The shares of a resource never add up to more than its total, and to the
// whole total if some namespace claims nothing of it. Split fails if the
// namespaces claim more than there is.
func Split(total corev1.ResourceList, namespaces []v1alpha1.TenantNamespace) ([]corev1.ResourceList, error) {
	if len(namespaces) == 0 {
		return []corev1.ResourceList{total.DeepCopy()}, nil
	}
	if over := Overdrafts(total, namespaces); len(over) > 0 {
		texts := make([]string, 0, len(over))
		for _, o := range over {
			texts = append(texts, o.String())
		}
		return nil, fmt.Errorf("namespaces claim more than the tenant has: %s", strings.Join(texts, "; "))
	}
	shares := make([]corev1.ResourceList, len(namespaces))
	for i := range shares {
		shares[i] = make(corev1.ResourceList, len(total))
	}
	for name := range total {
		splitOne(name, total, namespaces, shares)
	}
	return shares, nil
}

// splitOne fills in one resource's shares.
func splitOne(name corev1.ResourceName, total corev1.ResourceList, namespaces []v1alpha1.TenantNamespace, shares []corev1.ResourceList) {
	rest := total[name].DeepCopy()
	var open []int
	for i := range namespaces {
		claim, ok := namespaces[i].Quota[name]
		if !ok {
			open = append(open, i)
			continue
		}
		shares[i][name] = claim.DeepCopy()
		rest.Sub(claim)
	}
	if len(open) == 0 {
		return
	}
	left := units(name, rest)
	each := round(name, left/int64(len(open)))
	first := left - each*int64(len(open)-1)
	for position, i := range open {
		amount := each
		if position == 0 {
			amount = first
		}
		shares[i][name] = *exact(name, amount)
	}
}

// round cuts a share to an amount that reads well: a tenth of a core, a
// mebibyte. Smaller shares stay exact.
func round(name corev1.ResourceName, share int64) int64 {
	grain := int64(1)
	switch unitOf(name) {
	case milliCores:
		grain = 100
	case bytes:
		grain = 1 << 20
	case objects:
	}
	if share < grain {
		return share
	}
	return share - share%grain
}
