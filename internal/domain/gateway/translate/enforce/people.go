package enforce

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gatewayapi "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	tenancy "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// Tenants says which namespaces are whose.
func Tenants(namespaces map[world.Key]*corev1.Namespace) map[string]gateway.Tenant {
	tenants := map[string]gateway.Tenant{}
	for key, namespace := range namespaces {
		labels := namespace.Labels
		if labels[tenancy.LabelTenant] == "" {
			continue
		}
		tenants[key.Name] = gateway.Tenant{
			Name: labels[tenancy.LabelTenant], BusinessUnit: labels[tenancy.LabelBusinessUnit],
			Environment: labels[tenancy.LabelEnvironment], Tier: labels[tenancy.LabelTier],
		}
	}
	return tenants
}

// Keys says who holds which API key, by its hash. No key is handed out twice; if one
// were, it would be the same Subscription's every time.
func Keys(subscriptions map[world.Key]*gatewayapi.Subscription, tenants map[string]gateway.Tenant) map[string]gateway.Client {
	keys := map[string]gateway.Client{}
	for key, subscription := range subscriptions {
		owner := tenants[key.Namespace]
		for _, each := range subscription.Status.Keys {
			if first, taken := keys[each.Hash]; taken && first.ID < key.String() {
				continue
			}
			keys[each.Hash] = gateway.Client{
				ID: key.String(), Tenant: owner.Name, BusinessUnit: owner.BusinessUnit,
				APIs: subscription.Spec.APIs, Expires: earlier(each.ExpiresAt, subscription.Spec.ExpiresAt),
			}
		}
	}
	return keys
}

// Flags says which tenants have switched a flag on.
func Flags(flags map[string]world.Flag, tenants map[string]gateway.Tenant) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for name, flag := range flags {
		all[name] = map[string]bool{}
		for _, tenant := range tenants {
			all[name][tenant.Name] = flag.Has(tenant.Name, tenant.BusinessUnit)
		}
	}
	return all
}

// earlier is the earlier of two moments; zero where neither is set.
func earlier(a, b *metav1.Time) time.Time {
	switch {
	case a == nil && b == nil:
		return time.Time{}
	case a == nil || b != nil && b.Before(a):
		return b.Time
	}
	return a.Time
}
