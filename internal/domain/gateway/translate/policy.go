package translate

import (
	"maps"
	"reflect"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gatewayapi "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	tenancy "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/enforce"
)

// policyKey names a policy of ours.
type policyKey struct {
	kind string
	key  Key
}

// policyMemo is what was made of policies, and of which objects.
type policyMemo struct {
	authorizations map[Key]made[*gatewayapi.AuthorizationPolicy, gateway.Authorization]
	rateLimits     map[Key]made[*gatewayapi.RateLimitPolicy, gateway.RateLimit]
	lifecycles     map[Key]made[*gatewayapi.LifecyclePolicy, gateway.Lifecycle]
	people         uint64
	keys           map[string]gateway.Client
	tenants        map[string]gateway.Tenant
	flags          map[string]map[string]bool
}

// made is a policy with what was made of it.
type made[P comparable, V any] struct {
	object   P
	value    *V
	mistakes []string
}

func newPolicyMemo() policyMemo {
	return policyMemo{
		authorizations: map[Key]made[*gatewayapi.AuthorizationPolicy, gateway.Authorization]{},
		rateLimits:     map[Key]made[*gatewayapi.RateLimitPolicy, gateway.RateLimit]{},
		lifecycles:     map[Key]made[*gatewayapi.LifecyclePolicy, gateway.Lifecycle]{},
	}
}

// enforcePolicies puts our policies, and who is who, into the Config.
func (r *round) enforcePolicies(config *gateway.Config) {
	memo := &r.policies
	cluster := enforce.Cluster{Issuer: r.settings.ClusterIssuer, Audience: ClusterAudience}
	config.Authorizations = remake(r, r.Authorizations, memo.authorizations, func(p *gatewayapi.AuthorizationPolicy) (*gateway.Authorization, []string) {
		return enforce.Authorization(p, cluster)
	})
	config.RateLimits = remake(r, r.RateLimits, memo.rateLimits, func(p *gatewayapi.RateLimitPolicy) (*gateway.RateLimit, []string) {
		return enforce.RateLimit(p), nil
	})
	config.Lifecycles = remake(r, r.Lifecycles, memo.lifecycles, func(p *gatewayapi.LifecyclePolicy) (*gateway.Lifecycle, []string) {
		return enforce.Lifecycle(p), nil
	})
	if memo.people != r.People || memo.tenants == nil {
		memo.people = r.People
		r.meetPeople(memo)
	}
	config.Keys, config.Tenants, config.Flags = memo.keys, memo.tenants, memo.flags
}

// remake makes the policies of a kind, or takes them as they were.
func remake[T, V any, P interface {
	*T
	client.Object
}](r *round, objects map[Key]*T, memo map[Key]made[*T, V], read func(*T) (*V, []string)) map[string]*V {
	all := map[string]*V{}
	for key, object := range objects {
		before, had := memo[key]
		if !had || before.object != object {
			value, mistakes := read(object)
			if had && reflect.DeepEqual(before.value, value) {
				value = before.value
			} else {
				r.changed = true
			}
			memo[key] = made[*T, V]{object, value, mistakes}
		}
		all[key.String()] = memo[key].value
	}
	maps.DeleteFunc(memo, func(key Key, _ made[*T, V]) bool {
		gone := objects[key] == nil
		r.changed = r.changed || gone
		return gone
	})
	return all
}

// meetPeople finds out which namespaces are whose, who holds which key, and who has
// which flag.
func (r *round) meetPeople(memo *policyMemo) {
	tenants, keys, flags := map[string]gateway.Tenant{}, map[string]gateway.Client{}, map[string]map[string]bool{}
	units := map[string]string{}
	for key, namespace := range r.Namespaces {
		labels := namespace.Labels
		if labels[tenancy.LabelTenant] == "" {
			continue
		}
		t := gateway.Tenant{
			Name: labels[tenancy.LabelTenant], BusinessUnit: labels[tenancy.LabelBusinessUnit],
			Environment: labels[tenancy.LabelEnvironment], Tier: labels[tenancy.LabelTier],
		}
		tenants[key.Name], units[t.Name] = t, t.BusinessUnit
	}
	for key, subscription := range r.Subscriptions {
		owner := tenants[key.Namespace]
		for _, each := range subscription.Status.Keys {
			keys[each.Hash] = gateway.Client{
				ID: key.String(), Tenant: owner.Name, BusinessUnit: owner.BusinessUnit,
				APIs: subscription.Spec.APIs, Expires: earlier(each.ExpiresAt, subscription.Spec.ExpiresAt),
			}
		}
	}
	for name, flag := range r.Flags {
		flags[name] = map[string]bool{}
		for tenant, unit := range units {
			flags[name][tenant] = flag.Has(tenant, unit)
		}
	}
	if !reflect.DeepEqual([]any{memo.tenants, memo.keys, memo.flags}, []any{tenants, keys, flags}) {
		memo.tenants, memo.keys, memo.flags = tenants, keys, flags
		r.changed = true
	}
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

// policyObject is a policy of ours with its status.
type policyObject interface {
	client.Object
	GetPolicyStatus() *gatewayapi.PolicyStatus
}

// reportPolicies puts down the statuses of our policies where they differ.
func (r *round) reportPolicies() {
	used := map[policyKey]int32{}
	for _, entry := range r.routes {
		for key := range entry.policies {
			used[key]++
		}
	}
	for key, object := range r.Authorizations {
		r.reportPolicy(object, used[policyKey{gatewayapi.KindAuthorizationPolicy, key}], r.policies.authorizations[key].mistakes)
	}
	for key, object := range r.RateLimits {
		r.reportPolicy(object, used[policyKey{gatewayapi.KindRateLimitPolicy, key}], nil)
	}
	for key, object := range r.Lifecycles {
		r.reportPolicy(object, used[policyKey{gatewayapi.KindLifecyclePolicy, key}], nil)
	}
}

func (r *round) reportPolicy(object policyObject, routes int32, mistakes []string) {
	accepted := holds("Accepted", ReasonEnforced, "The gateway enforces this policy on the routes that name it.")
	if len(mistakes) > 0 {
		accepted = fails("Accepted", ReasonInvalidKeys, "Some of the policy cannot be enforced: "+strings.Join(mistakes, "; ")+".")
	}
	old := object.GetPolicyStatus()
	status := gatewayapi.PolicyStatus{
		ObservedGeneration: object.GetGeneration(), Routes: routes,
		Conditions: conditions(old.Conditions, object.GetGeneration(), r.now, accepted),
	}
	if equality.Semantic.DeepEqual(*old, status) {
		return
	}
	changed := object.DeepCopyObject().(policyObject)
	*changed.GetPolicyStatus() = status
	r.statuses = append(r.statuses, changed)
}
