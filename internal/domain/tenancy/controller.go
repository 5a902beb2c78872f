package tenancy

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// cluster is how the domain's controllers read and write.
type cluster struct {
	// client reads from the cache, sees its own writes there, and writes.
	client client.Client
	// live reads from the API server.
	live     client.Reader
	settings Settings
	trail    trail.Recorder
	clock    clock.WithTicker
	log      *slog.Logger
}

// glance reads what the cache has at this moment, shared with everybody: what
// it returns MUST NOT be changed, and may lack our own last write.
var glance = []client.ListOption{client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency}

// namespacedKinds are the kinds that are generated in tenant namespaces.
var namespacedKinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("ResourceQuota"),
	corev1.SchemeGroupVersion.WithKind("LimitRange"),
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"),
	rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
}

// world is everything a decision may know, as the cache has it. Its objects
// are shared: they are read, never changed.
func (c *cluster) world(ctx context.Context) (World, error) {
	return c.worldFrom(ctx, c.client, glance...)
}

// worldFrom is world with the tiers and business units that the reader has.
func (c *cluster) worldFrom(ctx context.Context, reader client.Reader, options ...client.ListOption) (World, error) {
	var tiers v1alpha1.TierList
	if err := reader.List(ctx, &tiers, options...); err != nil {
		return World{}, fmt.Errorf("list tiers: %w", err)
	}
	var units v1alpha1.BusinessUnitList
	if err := reader.List(ctx, &units, options...); err != nil {
		return World{}, fmt.Errorf("list business units: %w", err)
	}
	w := World{
		Tiers:    make(map[string]*v1alpha1.Tier, len(tiers.Items)),
		Units:    make(map[string]*v1alpha1.BusinessUnit, len(units.Items)),
		Settings: c.settings,
	}
	for i := range tiers.Items {
		w.Tiers[tiers.Items[i].Name] = &tiers.Items[i]
	}
	for i := range units.Items {
		w.Units[units.Items[i].Name] = &units.Items[i]
	}
	w.Owner = func(namespace string) (string, bool) { return c.owner(ctx, w, namespace) }
	return w, nil
}

// owner says whose a namespace is; see World.Owner. A namespace's label
// decides; without one, the oldest tenant that claims the name.
func (c *cluster) owner(ctx context.Context, w World, namespace string) (tenant string, exists bool) {
	var ns corev1.Namespace
	err := c.client.Get(ctx, types.NamespacedName{Name: namespace}, &ns, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	exists = err == nil
	if label := ns.Labels[v1alpha1.LabelTenant]; label != "" {
		return label, true
	}
	// Somebody may have stripped the label: what Roadbed put into the namespace
	// still says whose it is.
	var guardrail corev1.ResourceQuota
	key := types.NamespacedName{Namespace: namespace, Name: namespace + "-quota"}
	if exists && c.client.Get(ctx, key, &guardrail, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency) == nil {
		return guardrail.Labels[v1alpha1.LabelTenant], true
	}
	claimant := c.claimant(ctx, w, namespace, exists)
	return claimant, exists || claimant != ""
}

// claimsIndex indexes tenants by the namespaces that their spec asks for.
const claimsIndex = "spec.claims"

func claims(obj client.Object) []string {
	places := Places(obj.(*v1alpha1.Tenant))
	names := make([]string, 0, len(places))
	for _, place := range places {
		names = append(names, place.Namespace)
	}
	return names
}

// claimants are the tenants whose spec asks for the namespace.
func (c *cluster) claimants(ctx context.Context, namespace string) []v1alpha1.Tenant {
	var tenants v1alpha1.TenantList
	if err := c.client.List(ctx, &tenants, append(glance, client.MatchingFields{claimsIndex: namespace})...); err != nil {
		c.log.ErrorContext(ctx, "claims of a namespace cannot be read", "namespace", namespace, "error", err)
		return nil
	}
	return tenants.Items
}

// claimant is the oldest tenant that may have the namespace. One that exists
// already can only be adopted.
func (c *cluster) claimant(ctx context.Context, w World, namespace string, exists bool) string {
	var oldest *v1alpha1.Tenant
	tenants := c.claimants(ctx, namespace)
	for i := range tenants {
		t := &tenants[i]
		if !claimsPlace(t, w, namespace, exists) {
			continue
		}
		if oldest == nil || older(t, oldest) {
			oldest = t
		}
	}
	if oldest == nil {
		return ""
	}
	return oldest.Name
}

func claimsPlace(t *v1alpha1.Tenant, w World, namespace string, exists bool) bool {
	if tier, err := w.Tier(t); err == nil && Model(t, tier) != v1alpha1.ModelNamespace {
		return false
	}
	for _, place := range Places(t) {
		if place.Namespace == namespace && place.Adopted == exists {
			return true
		}
	}
	return false
}

func older(a, b *v1alpha1.Tenant) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// namespacesOf are the namespaces that carry the tenant label value, by name,
// those that the tenant no longer names included.
func (c *cluster) namespacesOf(ctx context.Context, tenant string) (map[string]*corev1.Namespace, error) {
	var list corev1.NamespaceList
	if err := c.client.List(ctx, &list, append(glance, client.MatchingFields{tenantIndex: tenant})...); err != nil {
		return nil, fmt.Errorf("list namespaces of %q: %w", tenant, err)
	}
	found := make(map[string]*corev1.Namespace, len(list.Items))
	for i := range list.Items {
		found[list.Items[i].Name] = &list.Items[i]
	}
	return found, nil
}

// tenantIndex indexes namespaces by the tenant label's value.
const tenantIndex = "metadata.tenant"

func tenantOf(obj client.Object) []string {
	if label := obj.GetLabels()[v1alpha1.LabelTenant]; label != "" {
		return []string{label}
	}
	return nil
}

// record puts a privileged action on the trail. What it speaks of MUST NOT
// happen before it returned nil.
func (c *cluster) record(ctx context.Context, action string, obj client.Object, kind, reason, after string) error {
	err := c.trail.Record(ctx, trail.Record{
		Actor:  identity.From(ctx),
		Action: "tenancy." + action,
		Object: trail.Object{Group: groupOf(kind), Kind: kind, Name: obj.GetName()},
		Reason: reason,
		After:  after,
	})
	if err != nil {
		return fmt.Errorf("record %s of %s %q: %w", action, kind, obj.GetName(), err)
	}
	return nil
}

func groupOf(kind string) string {
	if kind == kindNamespace {
		return corev1.GroupName
	}
	return v1alpha1.GroupVersion.Group
}

// The kinds that the trail speaks of.
const (
	kindNamespace    = "Namespace"
	kindTenant       = "Tenant"
	kindBusinessUnit = "BusinessUnit"
	kindTier         = "Tier"
)

// applier writes generated objects for one pass over an owner. announce is
// called once, before the first write, with the object that it is about.
func (c *cluster) applier(announce func(ctx context.Context, first apply.Ref) error) *apply.Applier {
	var begin sync.Once
	var refused error
	return apply.New(c.client, c.client, apply.WithBefore(func(ctx context.Context, ref apply.Ref) error {
		begin.Do(func() { refused = announce(ctx, ref) })
		return refused
	}), apply.WithSurplus(overdone))
}

// overdone says whether an object has more of what only Roadbed sets than is
// planned: a namespace's label or annotation that native policies would still
// trust, or an amount in a quota.
func overdone(live, desired client.Object) bool {
	if quota, ok := live.(*corev1.ResourceQuota); ok {
		return len(quota.Spec.Hard) > len(desired.(*corev1.ResourceQuota).Spec.Hard)
	}
	if _, ok := live.(*corev1.Namespace); !ok {
		return false
	}
	return more(live.GetLabels(), desired.GetLabels()) || more(live.GetAnnotations(), desired.GetAnnotations())
}

func more(live, desired map[string]string) bool {
	for key := range live {
		if _, planned := desired[key]; !planned && strings.HasPrefix(key, v1alpha1.Prefix) {
			return true
		}
	}
	return false
}

// soon is how long to wait before looking again at what no watch tells of.
const soon = 2 * time.Second
