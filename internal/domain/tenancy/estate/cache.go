package estate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// namespacedKinds are the kinds that are generated in tenant namespaces.
var namespacedKinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("ResourceQuota"),
	corev1.SchemeGroupVersion.WithKind("LimitRange"),
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"),
	rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
}

// Cached says which objects the manager's cache must hold for the domain: of
// the generated kinds only what Roadbed generated, so that the cache stays as
// small as the platform's own share of the cluster. Namespaces are all there:
// a name that somebody else took must be seen.
func Cached() map[client.Object]cache.ByObject {
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})}
	cached := map[client.Object]cache.ByObject{
		&rbacv1.ClusterRole{}:        ours,
		&rbacv1.ClusterRoleBinding{}: ours,
	}
	for _, each := range GeneratedObjects() {
		kept := ours
		if _, is := each.(*corev1.ResourceQuota); is {
			kept.Transform = lean
		}
		cached[each] = kept
	}
	return cached
}

// lean takes from a quota what nobody here reads. Quotas are the largest of the
// generated objects: three lists of some forty amounts, of which the third,
// what is used, is left out, and the second is nearly always the first.
func lean(obj any) (any, error) {
	obj, err := cache.TransformStripManagedFields()(obj)
	if quota, is := obj.(*corev1.ResourceQuota); is {
		quota.Status.Used = nil
		if equality.Semantic.DeepEqual(quota.Spec.Hard, quota.Status.Hard) {
			quota.Status.Hard = quota.Spec.Hard
		}
	}
	return obj, err
}

// GeneratedObjects are new, empty objects of the kinds that are generated in
// namespaces, in the order of namespacedKinds.
func GeneratedObjects() []client.Object {
	return []client.Object{
		&corev1.ResourceQuota{}, &corev1.LimitRange{}, &corev1.ServiceAccount{},
		&networkingv1.NetworkPolicy{}, &rbacv1.RoleBinding{},
	}
}

// Index lets the cache answer by tenant, business unit, tier and claim.
func Index(indexer client.FieldIndexer) error {
	add := func(obj client.Object, field string, extract client.IndexerFunc) error {
		if err := indexer.IndexField(context.Background(), obj, field, extract); err != nil {
			return fmt.Errorf("index %T by %s: %w", obj, field, err)
		}
		return nil
	}
	for _, obj := range append(GeneratedObjects(), &corev1.Namespace{}) {
		if err := add(obj, tenantIndex, tenantOf); err != nil {
			return err
		}
	}
	for field, extract := range map[string]client.IndexerFunc{claimsIndex: claims, unitIndex: unitOf, tierIndex: tierOf} {
		if err := add(&v1alpha1.Tenant{}, field, extract); err != nil {
			return err
		}
	}
	return nil
}

// claimsIndex indexes tenants by the namespaces that their spec asks for.
const claimsIndex = "spec.claims"

func claims(obj client.Object) []string {
	places := tenancy.Places(obj.(*v1alpha1.Tenant))
	names := make([]string, 0, len(places))
	for _, place := range places {
		names = append(names, place.Namespace)
	}
	return names
}

// tenantIndex indexes namespaces by the tenant label's value.
const tenantIndex = "metadata.tenant"

func tenantOf(obj client.Object) []string {
	if label := obj.GetLabels()[v1alpha1.LabelTenant]; label != "" {
		return []string{label}
	}
	return nil
}

// unitIndex indexes tenants by their business unit.
const unitIndex = "spec.businessUnit"

func unitOf(obj client.Object) []string { return []string{obj.(*v1alpha1.Tenant).Spec.BusinessUnit} }

// tierIndex indexes tenants by their tier.
const tierIndex = "spec.tier"

func tierOf(obj client.Object) []string { return []string{obj.(*v1alpha1.Tenant).Spec.Tier} }

// TenantsIn are the tenants of the business unit itself, by name. They are
// shared and MUST NOT be changed.
func (c *Estate) TenantsIn(ctx context.Context, unit string) ([]*v1alpha1.Tenant, error) {
	return c.tenants(ctx, unitIndex, unit)
}

// TenantsOfTier are the tenants that use the tier, by name. They are shared and
// MUST NOT be changed.
func (c *Estate) TenantsOfTier(ctx context.Context, tier string) ([]*v1alpha1.Tenant, error) {
	return c.tenants(ctx, tierIndex, tier)
}

func (c *Estate) tenants(ctx context.Context, index, value string) ([]*v1alpha1.Tenant, error) {
	var list v1alpha1.TenantList
	if err := c.Client.List(ctx, &list, append(Glance, client.MatchingFields{index: value})...); err != nil {
		return nil, fmt.Errorf("list tenants with %s %q: %w", index, value, err)
	}
	found := make([]*v1alpha1.Tenant, 0, len(list.Items))
	for i := range list.Items {
		found = append(found, &list.Items[i])
	}
	slices.SortFunc(found, func(a, b *v1alpha1.Tenant) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// Names are the tenants' names.
func Names(tenants []*v1alpha1.Tenant) []string {
	names := make([]string, 0, len(tenants))
	for _, t := range tenants {
		names = append(names, t.Name)
	}
	return names
}
