package export

import (
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// envoyLimits writes a BackendTrafficPolicy for each set of limits: a route can
// have but one, and a budget is shared by the targets of one.
func (x *export) envoyLimits() {
	sets := map[string]int{}
	for _, g := range x.groups(limitsKey) {
		var rules []map[string]any
		var names []string
		for _, limit := range g.rules[0].limits {
			key, ok := x.key(limit, g.rules[0])
			if !ok {
				continue
			}
			if sets[title(limit)]++; sets[title(limit)] > 1 {
				x.lose(title(limit), "", Open, "rules that have other limits besides, or other issuers, have a budget of their own", "give the rules that share it the same policies")
			}
			x.envoyCheckLimit(limit)
			x.checkNobody(limit, g.rules[0], key)
			names = append(names, limit.Name)
			rules = append(rules, x.envoyLimit(limit, key)...)
		}
		if len(rules) == 0 {
			continue
		}
		x.policy(envoyVersion, "BackendTrafficPolicy", g.rules[0].route.namespace(), strings.Join(names, "-"), map[string]any{"spec": map[string]any{
			"targetRefs": g.targets(), "rateLimit": map[string]any{"global": map[string]any{"rules": rules}},
		}})
	}
}

// limitsKey tells sets of limits apart, and who checks their callers.
func limitsKey(r *rule) string {
	if len(r.limits) == 0 {
		return ""
	}
	names := []string{r.route.namespace(), authorizationKey(r)}
	for _, limit := range r.limits {
		names = append(names, limit.Name)
	}
	slices.Sort(names[2:])
	return strings.Join(slices.Compact(names), " ")
}

func (x *export) envoyCheckLimit(limit *v1alpha1.RateLimitPolicy) {
	x.checkLimit(limit)
	x.lose(title(limit), "spec.failureMode", Open, "Envoy Gateway counts in its rate limit service, which needs Redis, and lets all pass while that is away",
		"configure rateLimit in EnvoyGateway, with failClosed where the limit must hold")
}

// envoyLimit is a limit for everybody, and one for each tenant that has another.
func (x *export) envoyLimit(limit *v1alpha1.RateLimitPolicy, key limitKey) (rules []map[string]any) {
	spec := limit.Spec
	overrides := spec.Overrides
	if len(overrides) > 0 && (key.header != headerTenant || len(overrides) > envoySelectors) {
		x.lose(title(limit), "spec.overrides", Open, "tenants cannot be told apart there, or are too many: all have the same limit", "make a policy and a route of their own for them")
		overrides = nil
	}
	rule := func(requests int64, headers ...map[string]any) map[string]any {
		made := map[string]any{"limit": map[string]any{"requests": requests, "unit": limitUnit(spec.Unit)}, "shared": true}
		if len(headers) > 0 {
			made["clientSelectors"] = []map[string]any{{"headers": headers}}
		}
		return made
	}
	if key.header == "" {
		return []map[string]any{rule(spec.Requests)}
	}
	everybody := []map[string]any{{"type": "Distinct", "name": key.header}}
	for _, override := range overrides {
		one := map[string]any{"type": "Exact", "name": key.header, "value": override.Tenant}
		rules = append(rules, rule(override.Requests, one))
		everybody = append(everybody, map[string]any{"type": "Exact", "name": key.header, "value": override.Tenant, "invert": true})
	}
	return append(rules, rule(spec.Requests, everybody...))
}

// limitUnit is a minute where none is given, as the definition says.
func limitUnit(unit v1alpha1.LimitUnit) string {
	if unit == "" {
		return string(v1alpha1.UnitMinute)
	}
	return string(unit)
}
