package translate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/host"
)

// separateKinds sees that no listener has routes of both kinds for a host name: the
// older one stays.
func (r *round) separateKinds() {
	if !r.contest {
		return
	}
	losers := map[routeKey]map[string]bool{}
	for name, entries := range r.reached() {
		r.findLosers(name, entries, losers)
	}
	for key, entry := range r.routes {
		if !maps.Equal(entry.taken, losers[key]) {
			r.translate(key, entry.route.object, losers[key])
		}
	}
}

// reached are the routes that may have a listener, where there are any of both kinds.
func (r *round) reached() map[string][]*routeEntry {
	on := map[string][]*routeEntry{}
	if len(r.HTTPRoutes) == 0 || len(r.GRPCRoutes) == 0 {
		return on
	}
	for _, entry := range r.routes {
		for name := range entry.reach {
			on[name] = append(on[name], entry)
		}
	}
	return on
}

// findLosers adds the routes that an older one of the other kind keeps off a listener.
func (r *round) findLosers(name string, entries []*routeEntry, losers map[routeKey]map[string]bool) {
	slices.SortFunc(entries, func(a, b *routeEntry) int {
		return cmp.Or(olderFirst(a.route.object, b.route.object), cmp.Compare(a.route.kind, b.route.kind))
	})
	var stay [2]host.Set
	for _, entry := range entries {
		kind := one(entry.route.kind == gateway.GRPCRoute)
		mine, _ := host.Allowed(r.listeners[name].hostname(), entry.route.hostnames)
		if !stay[1-kind].Overlaps(mine) {
			stay[kind].Add(mine)
			continue
		}
		key := routeKey{entry.route.kind, entry.route.key}
		if losers[key] == nil {
			losers[key] = map[string]bool{}
		}
		losers[key][name] = true
	}
}
