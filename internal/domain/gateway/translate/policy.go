package translate

import (
	"maps"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gatewayapi "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

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
	if !r.reframed {
		config.Authorizations, config.RateLimits, config.Lifecycles = r.config.Authorizations, r.config.RateLimits, r.config.Lifecycles
		config.Keys, config.Tenants, config.Flags = memo.keys, memo.tenants, memo.flags
		return
	}
	var before gateway.Config
	if r.config != nil {
		before = *r.config
	}
	cluster := enforce.Cluster{Issuer: r.settings.ClusterIssuer, Audience: ClusterAudience}
	config.Authorizations = remake(r, r.Authorizations, memo.authorizations, before.Authorizations, func(p *gatewayapi.AuthorizationPolicy) (*gateway.Authorization, []string) {
		return enforce.Authorization(p, cluster)
	})
	config.RateLimits = remake(r, r.RateLimits, memo.rateLimits, before.RateLimits, func(p *gatewayapi.RateLimitPolicy) (*gateway.RateLimit, []string) {
		return enforce.RateLimit(p), nil
	})
	config.Lifecycles = remake(r, r.Lifecycles, memo.lifecycles, before.Lifecycles, func(p *gatewayapi.LifecyclePolicy) (*gateway.Lifecycle, []string) {
		return enforce.Lifecycle(p), nil
	})
	if memo.people != r.People || memo.tenants == nil {
		memo.people = r.People
		r.meetPeople(memo)
	}
	config.Keys, config.Tenants, config.Flags = memo.keys, memo.tenants, memo.flags
}

// remake makes the policies of a kind, or takes them, and their map, as they were.
func remake[T, V any, P interface {
	*T
	client.Object
}](r *round, objects map[Key]*T, memo map[Key]made[*T, V], before map[string]*V, read func(*T) (*V, []string)) map[string]*V {
	all := map[string]*V{}
	for key, object := range objects {
		old, had := memo[key]
		if !had || old.object != object {
			value, mistakes := read(object)
			if had && reflect.DeepEqual(old.value, value) {
				value = old.value
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
	if before != nil && maps.Equal(before, all) {
		return before
	}
	return all
}

// meetPeople finds out which namespaces are whose, who holds which key, and who has
// which flag.
func (r *round) meetPeople(memo *policyMemo) {
	memo.tenants = kept(r, memo.tenants, enforce.Tenants(r.Namespaces))
	memo.keys = kept(r, memo.keys, enforce.Keys(r.Subscriptions, memo.tenants))
	memo.flags = kept(r, memo.flags, enforce.Flags(r.Flags, memo.tenants))
}

// kept is the map that there was where the new one says the same.
func kept[M ~map[string]V, V any](r *round, before, now M) M {
	if before != nil && reflect.DeepEqual(before, now) {
		return before
	}
	r.changed = true
	return now
}

// policyObject is a policy of ours with its status.
type policyObject interface {
	client.Object
	GetPolicyStatus() *gatewayapi.PolicyStatus
}

// reportPolicies puts down the statuses of our policies where they differ.
func (r *round) reportPolicies() {
	r.told.policies = nil
	for key, object := range r.Authorizations {
		r.reportPolicy(gatewayapi.KindAuthorizationPolicy, object, r.policies.authorizations[key].mistakes)
	}
	for _, object := range r.RateLimits {
		r.reportPolicy(gatewayapi.KindRateLimitPolicy, object, nil)
	}
	for _, object := range r.Lifecycles {
		r.reportPolicy(gatewayapi.KindLifecyclePolicy, object, nil)
	}
}

func (r *round) reportPolicy(kind string, object policyObject, mistakes []string) {
	accepted := finding.Holds("Accepted", ReasonEnforced, "The gateway enforces this policy on the routes that name it.")
	if len(mistakes) > 0 {
		accepted = finding.Fails("Accepted", ReasonInvalidKeys, "Some of the policy cannot be enforced: "+strings.Join(mistakes, "; ")+".")
	}
	old := object.GetPolicyStatus()
	status := gatewayapi.PolicyStatus{
		ObservedGeneration: object.GetGeneration(), Routes: int32(r.users.Count(world.On(kind, keyOf(object)))),
		Conditions: finding.Conditions(old.Conditions, object.GetGeneration(), r.now, accepted),
	}
	if equality.Semantic.DeepEqual(*old, status) {
		return
	}
	changed := object.DeepCopyObject().(policyObject)
	*changed.GetPolicyStatus() = status
	r.told.policies = append(r.told.policies, changed)
}
