package quota

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// Effective is the tenant's quota in force for all its namespaces together:
// the object caps times the number of namespaces, overlaid key by key with the
// tier's quota, then with the tenant's, then with the quotas of its storage
// classes.
func Effective(t *v1alpha1.Tenant, tier *v1alpha1.Tier) corev1.ResourceList {
	namespaces := int64(max(1, len(t.Spec.Namespaces)))
	quota := make(corev1.ResourceList, len(caps)+len(tier.Spec.Quota))
	for name, each := range caps {
		quota[name] = *exact(name, each*namespaces)
	}
	maps.Copy(quota, tier.Spec.Quota)
	maps.Copy(quota, t.Spec.Quota)
	for _, class := range Classes(t, tier) {
		if class.Capacity != nil {
			quota[corev1.ResourceName(class.Name+storageOfClass)] = *class.Capacity
		}
		if class.Claims != nil {
			name := corev1.ResourceName(class.Name + claimsOfClass)
			quota[name] = *exact(name, *class.Claims)
		}
	}
	return quota.DeepCopy()
}

// Classes are the storage classes that the tenant's claims may name: its own,
// or the tier's if it names none.
func Classes(t *v1alpha1.Tenant, tier *v1alpha1.Tier) []v1alpha1.StorageClassQuota {
	if len(t.Spec.StorageClasses) > 0 {
		return t.Spec.StorageClasses
	}
	return tier.Spec.StorageClasses
}

// Sum adds lists up, resource by resource.
func Sum(lists ...corev1.ResourceList) corev1.ResourceList {
	total := corev1.ResourceList{}
	for _, list := range lists {
		for name, amount := range list {
			sum := total[name].DeepCopy()
			sum.Add(amount)
			total[name] = sum
		}
	}
	return total
}

// Shortage is a namespace's share that is too small for the objects that
// Roadbed and Kubernetes keep in it.
type Shortage struct {
	// Resource that runs short.
	Resource corev1.ResourceName
	// Share is what the namespace would have, Floor what it needs.
	Share, Floor resource.Quantity
}

// Shortages compares a namespace's share with what Roadbed's own objects need
// there, sorted by resource.
func Shortages(share corev1.ResourceList) []Shortage {
	var short []Shortage
	for _, name := range sortedNames(share) {
		amount := share[name]
		if amount.CmpInt64(floors[name]) < 0 {
			short = append(short, Shortage{Resource: name, Share: amount, Floor: *exact(name, floors[name])})
		}
	}
	return short
}

// String shows the shortage's arithmetic.
func (s Shortage) String() string {
	return fmt.Sprintf("%s: a namespace would get %s, but Roadbed's own objects need %s", s.Resource, s.Share.String(), s.Floor.String())
}
