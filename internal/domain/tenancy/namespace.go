package tenancy

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

const namespacePrefix = "tenant-"

// Place is one namespace of a tenant.
type Place struct {
	// Namespace is the name of the Namespace object.
	Namespace string
	// Environment is its name within the tenant; empty for an unnamed one.
	Environment string
	// Jurisdiction is where its data lives.
	Jurisdiction string
	// Adopted is true if the namespace existed before the tenant.
	Adopted bool
}

// Places are the tenant's namespaces in the order of its spec, for the model
// namespace-per-tenant.
func Places(t *v1alpha1.Tenant) []Place {
	home := ""
	if len(t.Spec.Jurisdictions) > 0 {
		home = t.Spec.Jurisdictions[0]
	}
	if len(t.Spec.Namespaces) == 0 {
		return []Place{{Namespace: namespacePrefix + t.Name, Jurisdiction: home}}
	}
	places := make([]Place, 0, len(t.Spec.Namespaces))
	for i := range t.Spec.Namespaces {
		places = append(places, placeOf(t.Name, &t.Spec.Namespaces[i], home))
	}
	return places
}

func placeOf(tenant string, n *v1alpha1.TenantNamespace, home string) Place {
	place := Place{
		Namespace:    namespacePrefix + tenant + "-" + n.Name,
		Environment:  n.Name,
		Jurisdiction: home,
	}
	if n.Jurisdiction != "" {
		place.Jurisdiction = n.Jurisdiction
	}
	if n.Adopt != "" {
		place.Namespace, place.Adopted = n.Adopt, true
	}
	return place
}

// Model is the tenant's isolation model: its own choice or its tier's default.
func Model(t *v1alpha1.Tenant, tier *v1alpha1.Tier) v1alpha1.IsolationModel {
	switch {
	case t.Spec.Model != "":
		return t.Spec.Model
	case tier.Spec.Isolation.Default != "":
		return tier.Spec.Isolation.Default
	default:
		return v1alpha1.ModelNamespace
	}
}

// Cordoned says whether the tenant admits no new pods.
func Cordoned(t *v1alpha1.Tenant) bool {
	state := t.Spec.Lifecycle.State
	return state == v1alpha1.LifecycleCordoned || state == v1alpha1.LifecycleOffboarding
}

// SharedName is the tenant label's value on the namespace that the small
// tenants of a business unit and tier share: shared-TIER-UNIT. A name that
// would be too long for a namespace ends in a hash instead.
func SharedName(tier, unit string) string {
	const most = 63 - len(namespacePrefix)
	name := "shared-" + tier + "-" + unit
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(tier + "/" + unit))
	hash := hex.EncodeToString(sum[:4])
	return strings.TrimRight(name[:most-len(hash)-1], "-.") + "-" + hash
}

// SharedNamespace is the name of that namespace.
func SharedNamespace(tier, unit string) string {
	return namespacePrefix + SharedName(tier, unit)
}

// IsShared says of a namespace's name that it is that of a shared one. No tenant's
// name begins so.
func IsShared(namespace string) bool {
	return strings.HasPrefix(namespace, namespacePrefix+"shared-")
}

// identityLabels are the labels of the authority for one namespace of a tenant.
func identityLabels(t *v1alpha1.Tenant, tier *v1alpha1.Tier, place Place) map[string]string {
	labels := map[string]string{
		v1alpha1.LabelTenant:       t.Name,
		v1alpha1.LabelTier:         tier.Name,
		v1alpha1.LabelBusinessUnit: t.Spec.BusinessUnit,
		v1alpha1.LabelCostCenter:   t.Spec.CostCenter,
		v1alpha1.LabelJurisdiction: place.Jurisdiction,
		v1alpha1.LabelDataClass:    dataClass(t),
		v1alpha1.LabelOwner:        t.Spec.Owner,
		v1alpha1.LabelKeyCustody:   keyCustody(tier),
		v1alpha1.LabelManagedBy:    v1alpha1.ManagedBy,
	}
	if place.Environment != "" {
		labels[v1alpha1.LabelEnvironment] = place.Environment
	}
	return labels
}

func dataClass(t *v1alpha1.Tenant) string {
	if t.Spec.DataClass == "" {
		return "internal"
	}
	return strings.ToLower(t.Spec.DataClass)
}

func keyCustody(tier *v1alpha1.Tier) string {
	if tier.Spec.KeyCustody == "" {
		return "software"
	}
	return strings.ToLower(tier.Spec.KeyCustody)
}

// bareLabels are the authority's labels that are repeated without prefix, for
// tools and cost reports that know the short names.
var bareLabels = map[string]string{
	v1alpha1.LabelTenant:     "tenant",
	v1alpha1.LabelTier:       "tier",
	v1alpha1.LabelCostCenter: "cost-center",
}

// namespaceObject is the Namespace with its labels, their bare copies, its Pod
// Security level and its annotations.
func namespaceObject(name string, labels, annotations map[string]string, tier *v1alpha1.Tier) *corev1.Namespace {
	all := maps.Clone(labels)
	for key, bare := range bareLabels {
		if value, ok := labels[key]; ok {
			all[bare] = value
		}
	}
	level := tier.Spec.PodSecurity
	if level == "" {
		level = "restricted"
	}
	for _, mode := range []string{"enforce", "audit", "warn"} {
		all["pod-security.kubernetes.io/"+mode] = level
	}
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all, Annotations: annotations},
	}
}

// annotations are what native policies read of a tenant. A list that is empty
// has no annotation, but for the storage classes: there empty means none.
func annotations(t *v1alpha1.Tenant, tier *v1alpha1.Tier) map[string]string {
	found := map[string]string{v1alpha1.AnnotationStorageClasses: classNames(quota.Classes(t, tier))}
	lists := map[string][]string{
		v1alpha1.AnnotationRegistries:   t.Spec.Registries,
		v1alpha1.AnnotationIngressPeers: peerNames(t.Spec.Network.IngressFrom),
		v1alpha1.AnnotationEgressPeers:  peerNames(t.Spec.Network.EgressTo),
		v1alpha1.AnnotationEgressCIDRs:  cidrs(t.Spec.Network.EgressCIDRs),
	}
	for key, list := range lists {
		if joined := join(list); joined != "" {
			found[key] = joined
		}
	}
	if Cordoned(t) {
		found[v1alpha1.AnnotationCordoned] = "true"
	}
	return found
}
