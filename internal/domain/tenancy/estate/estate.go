package estate

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// Estate is what the cluster has of tenancy, and how it is read and written.
// Every field is required. It is safe for concurrent use.
type Estate struct {
	// Client reads from the cache, sees its own writes there, and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Settings are the platform's names.
	Settings tenancy.Settings
	// Trail hears of privileged actions before they happen.
	Trail trail.Recorder
	// Clock is the only clock.
	Clock clock.WithTicker
	// Log is for operators.
	Log *slog.Logger
}

// Glance reads what the cache has at this moment, shared with everybody: what
// it returns MUST NOT be changed, and may lack our own last write.
var Glance = []client.ListOption{client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency}

// World is everything a decision may know, as the cache has it. Its objects
// are shared: they are read, never changed.
func (c *Estate) World(ctx context.Context) (tenancy.World, error) {
	return c.WorldFrom(ctx, c.Client, Glance...)
}

// WorldFrom is world with the tiers and business units that the reader has.
func (c *Estate) WorldFrom(ctx context.Context, reader client.Reader, options ...client.ListOption) (tenancy.World, error) {
	var tiers v1alpha1.TierList
	if err := reader.List(ctx, &tiers, options...); err != nil {
		return tenancy.World{}, fmt.Errorf("list tiers: %w", err)
	}
	var units v1alpha1.BusinessUnitList
	if err := reader.List(ctx, &units, options...); err != nil {
		return tenancy.World{}, fmt.Errorf("list business units: %w", err)
	}
	w := tenancy.World{
		Tiers:    make(map[string]*v1alpha1.Tier, len(tiers.Items)),
		Units:    make(map[string]*v1alpha1.BusinessUnit, len(units.Items)),
		Settings: c.Settings,
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
func (c *Estate) owner(ctx context.Context, w tenancy.World, namespace string) (tenant string, exists bool) {
	var ns corev1.Namespace
	err := c.Client.Get(ctx, types.NamespacedName{Name: namespace}, &ns, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	exists = err == nil
	if label := ns.Labels[v1alpha1.LabelTenant]; label != "" {
		return label, true
	}
	if exists {
		if holder := holder(namespace, c.Claimants(ctx, namespace)); holder != "" {
			return holder, true
		}
	}
	claimant := c.claimant(ctx, w, namespace, exists)
	return claimant, exists || claimant != ""
}

// holder is the tenant that had the namespace before somebody stripped its
// label: its own status says so, which nobody can forge. What is in the
// namespace says nothing, for whoever made it may have furnished it.
func holder(namespace string, tenants []v1alpha1.Tenant) string {
	for i := range tenants {
		if Had(&tenants[i], namespace) {
			return tenants[i].Name
		}
	}
	return ""
}

// Had says whether the namespace was the tenant's when Roadbed last looked.
func Had(t *v1alpha1.Tenant, namespace string) bool {
	return slices.ContainsFunc(t.Status.Namespaces, func(s v1alpha1.TenantNamespaceStatus) bool { return s.Name == namespace })
}

// Claimants are the tenants whose spec asks for the namespace.
func (c *Estate) Claimants(ctx context.Context, namespace string) []v1alpha1.Tenant {
	var tenants v1alpha1.TenantList
	if err := c.Client.List(ctx, &tenants, append(Glance, client.MatchingFields{claimsIndex: namespace})...); err != nil {
		c.Log.ErrorContext(ctx, "claims of a namespace cannot be read", "namespace", namespace, "error", err)
		return nil
	}
	return tenants.Items
}

// claimant is the oldest tenant that may have the namespace. One that exists
// already can only be adopted.
func (c *Estate) claimant(ctx context.Context, w tenancy.World, namespace string, exists bool) string {
	var oldest *v1alpha1.Tenant
	tenants := c.Claimants(ctx, namespace)
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

func claimsPlace(t *v1alpha1.Tenant, w tenancy.World, namespace string, exists bool) bool {
	if tier, err := w.Tier(t); err == nil && tenancy.Model(t, tier) != v1alpha1.ModelNamespace {
		return false
	}
	for _, place := range tenancy.Places(t) {
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

// NamespacesOf are the namespaces that carry the tenant label value, by name,
// those that the tenant no longer names included.
func (c *Estate) NamespacesOf(ctx context.Context, tenant string) (map[string]*corev1.Namespace, error) {
	var list corev1.NamespaceList
	if err := c.Client.List(ctx, &list, append(Glance, client.MatchingFields{tenantIndex: tenant})...); err != nil {
		return nil, fmt.Errorf("list namespaces of %q: %w", tenant, err)
	}
	found := make(map[string]*corev1.Namespace, len(list.Items))
	for i := range list.Items {
		found[list.Items[i].Name] = &list.Items[i]
	}
	return found, nil
}

// Record puts a privileged action on the trail. What it speaks of MUST NOT
// happen before it returned nil.
func (c *Estate) Record(ctx context.Context, action string, obj client.Object, kind, reason, after string) error {
	return c.record(ctx, trail.Record{Action: action, Object: subject(obj, kind), Reason: reason, After: after})
}

// RecordBefore is Record for an action that ends an object or hands it over: the
// trail keeps the hash of what it was.
func (c *Estate) RecordBefore(ctx context.Context, action string, obj client.Object, kind, reason string) error {
	return c.record(ctx, trail.Record{Action: action, Object: subject(obj, kind), Reason: reason, Before: apply.Hash(obj)})
}

func (c *Estate) record(ctx context.Context, r trail.Record) error {
	r.Actor, r.Action = identity.From(ctx), "tenancy."+r.Action
	if err := c.Trail.Record(ctx, r); err != nil {
		return fmt.Errorf("record %s of %s %q: %w", r.Action, r.Object.Kind, r.Object.Name, err)
	}
	return nil
}

func subject(obj client.Object, kind string) trail.Object {
	return trail.Object{Group: groupOf(kind), Kind: kind, Name: obj.GetName()}
}

func groupOf(kind string) string {
	if kind == KindNamespace {
		return corev1.GroupName
	}
	return v1alpha1.GroupVersion.Group
}

// The kinds that the trail speaks of.
const (
	// KindNamespace is a Namespace.
	KindNamespace = "Namespace"
	// KindTenant is a Tenant.
	KindTenant = "Tenant"
	// KindBusinessUnit is a BusinessUnit.
	KindBusinessUnit = "BusinessUnit"
	// KindTier is a Tier.
	KindTier = "Tier"
)

// Applier writes generated objects for one pass over an owner. announce is
// called once, before the first write, with the object that it is about.
func (c *Estate) Applier(announce func(ctx context.Context, first apply.Ref) error) *apply.Applier {
	var begin sync.Once
	var refused error
	return apply.New(c.Client, c.Client, apply.WithBefore(func(ctx context.Context, ref apply.Ref) error {
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

// Soon is how long to wait before looking again at what no watch tells of.
const Soon = 2 * time.Second
