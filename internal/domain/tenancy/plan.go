package tenancy

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// Plan is everything the tenant owns: for namespace-per-tenant each namespace
// with its quota, limits, network policies and access, in the order of the
// spec; for a shared namespace the tenant's access alone, PlanShared being the
// rest. The order is always the same, and each Namespace comes before what is
// in it. The tenant must be valid: Plan fails on what makes planning
// impossible and does not repeat what Validate says.
func Plan(t *v1alpha1.Tenant, w World) ([]client.Object, error) {
	tier, err := w.Tier(t)
	if err != nil {
		return nil, err
	}
	switch model := Model(t, tier); model {
	case v1alpha1.ModelNamespace:
		return planNamespaces(t, tier, w.Settings)
	case v1alpha1.ModelSharedNamespace:
		shared := Place{Namespace: SharedNamespace(tier.Name, t.Spec.BusinessUnit), Jurisdiction: Places(t)[0].Jurisdiction}
		return sharedAccess(objectMeta(shared.Namespace, identityLabels(t, tier, shared)), t), nil
	default:
		return nil, fmt.Errorf("tenant %q: isolation model %s is not available yet", t.Name, model)
	}
}

func planNamespaces(t *v1alpha1.Tenant, tier *v1alpha1.Tier, settings Settings) ([]client.Object, error) {
	shares, err := quota.Split(quota.Effective(t, tier), t.Spec.Namespaces)
	if err != nil {
		return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
	}
	var objects []client.Object
	for i, place := range Places(t) {
		labels := identityLabels(t, tier, place)
		meta := objectMeta(place.Namespace, labels)
		objects = append(objects,
			namespaceObject(place.Namespace, labels, annotations(t, tier), tier),
			resourceQuota(meta, shares[i]),
			limitRange(meta, tier.Spec.Limits),
		)
		objects = append(objects, networkPolicies(meta, t.Name, t.Spec.Network, settings)...)
		objects = append(objects, access(meta, t)...)
	}
	return objects, nil
}

// PlanShared is the namespace that the small tenants of a business unit and
// tier share, without anybody's access to it. Its quota is the sum of theirs.
// Its data lives in the business unit's first jurisdiction; its data class is
// the most sensitive of theirs; it is cordoned when all of them are. tenants
// must be those of the unit and tier whose model is SharedNamespace, in any
// order; without any there is nothing to plan.
func PlanShared(unit *v1alpha1.BusinessUnit, tier *v1alpha1.Tier, tenants []*v1alpha1.Tenant, w World) ([]client.Object, error) {
	if len(tenants) == 0 {
		return nil, nil
	}
	if len(unit.Spec.Jurisdictions) == 0 {
		return nil, fmt.Errorf("business unit %q names no jurisdiction", unit.Name)
	}
	lists := make([]corev1.ResourceList, 0, len(tenants))
	for _, t := range tenants {
		lists = append(lists, quota.Effective(t, tier))
	}
	name := SharedNamespace(tier.Name, unit.Name)
	labels := sharedLabels(unit, tier, tenants)
	meta := objectMeta(name, labels)
	objects := []client.Object{
		namespaceObject(name, labels, sharedAnnotations(tier, tenants), tier),
		resourceQuota(meta, quota.Sum(lists...)),
		limitRange(meta, tier.Spec.Limits),
	}
	return append(objects, networkPolicies(meta, labels[v1alpha1.LabelTenant], v1alpha1.TenantNetwork{}, w.Settings)...), nil
}

func sharedLabels(unit *v1alpha1.BusinessUnit, tier *v1alpha1.Tier, tenants []*v1alpha1.Tenant) map[string]string {
	labels := map[string]string{
		v1alpha1.LabelTenant:       SharedName(tier.Name, unit.Name),
		v1alpha1.LabelTier:         tier.Name,
		v1alpha1.LabelBusinessUnit: unit.Name,
		v1alpha1.LabelJurisdiction: unit.Spec.Jurisdictions[0],
		v1alpha1.LabelDataClass:    dataClass(slices.MaxFunc(tenants, bySensitivity)),
		v1alpha1.LabelKeyCustody:   keyCustody(tier),
		v1alpha1.LabelManagedBy:    v1alpha1.ManagedBy,
	}
	center := tenants[0].Spec.CostCenter
	if !slices.ContainsFunc(tenants, func(t *v1alpha1.Tenant) bool { return t.Spec.CostCenter != center }) {
		labels[v1alpha1.LabelCostCenter] = center
	}
	return labels
}

func bySensitivity(a, b *v1alpha1.Tenant) int {
	order := []string{"public", "internal", "confidential", "restricted"}
	return cmp.Compare(slices.Index(order, dataClass(a)), slices.Index(order, dataClass(b)))
}

func sharedAnnotations(tier *v1alpha1.Tier, tenants []*v1alpha1.Tenant) map[string]string {
	found := map[string]string{v1alpha1.AnnotationStorageClasses: classNames(tier.Spec.StorageClasses)}
	if !slices.ContainsFunc(tenants, func(t *v1alpha1.Tenant) bool { return !Cordoned(t) }) {
		found[v1alpha1.AnnotationCordoned] = "true"
	}
	return found
}

// objectMeta is what generated objects in a namespace have in common.
func objectMeta(namespace string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Labels: labels}
}

// named is a copy of meta with a name: no two objects share a map.
func named(meta metav1.ObjectMeta, name string) metav1.ObjectMeta {
	own := *meta.DeepCopy()
	own.Name = name
	return own
}

func resourceQuota(meta metav1.ObjectMeta, hard corev1.ResourceList) *corev1.ResourceQuota {
	return &corev1.ResourceQuota{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
		ObjectMeta: named(meta, meta.Namespace+"-quota"),
		Spec:       corev1.ResourceQuotaSpec{Hard: hard},
	}
}

// limitRange gives containers the requests and limits that the quota demands
// of them, and bounds what one container may ask for.
func limitRange(meta metav1.ObjectMeta, limits v1alpha1.LimitDefaults) *corev1.LimitRange {
	limits = *limits.DeepCopy()
	return &corev1.LimitRange{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "LimitRange"},
		ObjectMeta: named(meta, meta.Namespace+"-limits"),
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type:           corev1.LimitTypeContainer,
			Default:        limits.Default,
			DefaultRequest: limits.DefaultRequest,
			Max:            limits.Max,
			Min:            limits.Min,
		}}},
	}
}
