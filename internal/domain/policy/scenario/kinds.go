package scenario

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

// Scope tells whether objects of a kind live in namespaces.
type Scope int

// The scopes.
const (
	// ScopeUnknown is that of a kind nobody has described.
	ScopeUnknown Scope = iota
	// ScopeNamespace is that of objects in namespaces.
	ScopeNamespace
	// ScopeCluster is that of objects of the cluster.
	ScopeCluster
)

// clusterKinds are Kubernetes' own kinds whose objects live in no namespace.
const clusterKinds = " Namespace Node PersistentVolume ComponentStatus" +
	" ClusterRole ClusterRoleBinding" +
	" StorageClass VolumeAttachment CSIDriver CSINode VolumeAttributesClass" +
	" PriorityClass RuntimeClass IngressClass IPAddress ServiceCIDR" +
	" CustomResourceDefinition APIService" +
	" MutatingWebhookConfiguration ValidatingWebhookConfiguration" +
	" ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding" +
	" CertificateSigningRequest ClusterTrustBundle" +
	" FlowSchema PriorityLevelConfiguration" +
	" DeviceClass ResourceSlice DeviceTaintRule" +
	" StorageVersion StorageVersionMigration" +
	" TokenReview SubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SelfSubjectReview "

// Kinds knows kinds: Kubernetes' own, and those that CRDs describe. It is
// immutable after NewKinds.
type Kinds struct {
	custom map[schema.GroupKind]customKind
}

type customKind struct {
	plural string
	scope  Scope
}

// NewKinds learns kinds from the CRDs among the objects.
func NewKinds(objects []map[string]any) *Kinds {
	kinds := &Kinds{custom: map[schema.GroupKind]customKind{}}
	for _, object := range objects {
		if object["kind"] != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(object, "spec", "group")
		kind, _, _ := unstructured.NestedString(object, "spec", "names", "kind")
		plural, _, _ := unstructured.NestedString(object, "spec", "names", "plural")
		scope, _, _ := unstructured.NestedString(object, "spec", "scope")
		described := customKind{plural: plural, scope: ScopeCluster}
		if scope == "Namespaced" {
			described.scope = ScopeNamespace
		}
		kinds.custom[schema.GroupKind{Group: group, Kind: kind}] = described
	}
	return kinds
}

// Resource is the resource of a kind. Where nobody has described it, it is
// formed as Kubernetes forms them: small letters and the plural of English.
func (k *Kinds) Resource(kind schema.GroupVersionKind) schema.GroupVersionResource {
	if described, ok := k.custom[kind.GroupKind()]; ok && described.plural != "" {
		return kind.GroupVersion().WithResource(described.plural)
	}
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return plural
}

// Scope of a kind.
func (k *Kinds) Scope(kind schema.GroupVersionKind) Scope {
	if described, ok := k.custom[kind.GroupKind()]; ok {
		return described.scope
	}
	if !builtIn(kind.GroupKind()) {
		return ScopeUnknown
	}
	if strings.Contains(clusterKinds, " "+kind.Kind+" ") {
		return ScopeCluster
	}
	return ScopeNamespace
}

// builtIn tells whether a kind is Kubernetes' own, in any version.
func builtIn(kind schema.GroupKind) bool {
	return clientgoscheme.Scheme.IsGroupRegistered(kind.Group) && len(clientgoscheme.Scheme.VersionsForGroupKind(kind)) > 0 ||
		kind.Group == "apiextensions.k8s.io" || kind.Group == "apiregistration.k8s.io"
}

// Stable are the kinds of Kubernetes' own in version v1 that have a name: one
// for each group that has it, sorted by group.
func Stable(name string) []schema.GroupVersionKind {
	var found []schema.GroupVersionKind
	for kind := range clientgoscheme.Scheme.AllKnownTypes() {
		if kind.Kind == name && kind.Version == "v1" {
			found = append(found, kind)
		}
	}
	slices.SortFunc(found, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.Group, b.Group) })
	return found
}
