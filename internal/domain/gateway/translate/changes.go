package translate

import (
	"cmp"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/index"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// translateRoutes makes what routes mean of which something changed.
func (r *round) translateRoutes() {
	for key := range r.dueRoutes() {
		old := r.routes[key]
		switch object := r.object(key); {
		case object == nil:
			r.replace(key, nil)
		case old == nil:
			r.translate(key, object, nil)
		default:
			r.translate(key, object, old.taken)
		}
	}
	r.separateKinds()
	for name, edits := range r.edits {
		r.attach(name, edits)
	}
	for name, l := range r.listeners {
		l.routes = r.attached[name]
		l.attached = int32(len(l.routes))
	}
}

// dueRoutes are the routes that changed, or something that they need did.
func (r *round) dueRoutes() map[routeKey]bool {
	due := map[routeKey]bool{}
	for change := range r.touched {
		switch change.Kind {
		case world.KindHTTPRoute, world.KindGRPCRoute:
			due[routeKey{gateway.RouteKind(change.Kind), change.Key}] = true
		case world.KindGateway, world.KindListenerSet:
			r.contest = true
		}
		for key := range r.users.Of(change) {
			due[key] = true
		}
	}
	if !r.all {
		return due
	}
	r.contest = true
	for key := range r.routes {
		due[key] = true
	}
	for key := range r.HTTPRoutes {
		due[routeKey{gateway.HTTPRoute, key}] = true
	}
	for key := range r.GRPCRoutes {
		due[routeKey{gateway.GRPCRoute, key}] = true
	}
	return due
}

// object is the route of that name, or nil.
func (r *round) object(key routeKey) client.Object {
	if found, ok := r.HTTPRoutes[key.key]; ok && key.kind == gateway.HTTPRoute {
		return found
	}
	if found, ok := r.GRPCRoutes[key.key]; ok && key.kind == gateway.GRPCRoute {
		return found
	}
	return nil
}

// nothing is what there is of a route that is not there.
var nothing = &routeEntry{}

// replace puts an entry in the place of the one before, nil for a route that is gone,
// and notes what follows from that.
func (r *round) replace(key routeKey, entry *routeEntry) {
	old, now := cmp.Or(r.routes[key], nothing), cmp.Or(entry, nothing)
	r.routes[key] = entry
	if entry == nil {
		delete(r.routes, key)
	}
	if r.pending[key] = now.changed; now.changed == nil {
		delete(r.pending, key)
	}
	if !maps.Equal(old.needs, now.needs) || !maps.Equal(old.gateways, now.gateways) {
		r.rerouted = true
		r.users.Set(key, now.needs)
	}
	for name := range old.served {
		if now.served[name] == nil {
			r.edit(name, key, nil)
		}
	}
	for name, route := range now.served {
		if old.served[name] != route {
			r.edit(name, key, route)
		}
	}
	if before, named := old.named(), now.named(); !maps.Equal(before, named) {
		r.naming.Set(key, named)
		maps.Copy(r.due, before)
		maps.Copy(r.due, named)
	}
	r.contest = r.contest || !maps.Equal(old.reach, now.reach) || len(now.reach) > 0 && !sameRank(old.route, now.route)
}

// named are the backends that the route needs.
func (e *routeEntry) named() map[backendSpec]bool {
	if len(e.served) == 0 {
		return nil
	}
	return e.backends
}

// sameRank says whether two states of a route have the same names and the same age.
func sameRank(a, b *routeObject) bool {
	x, y := a.object.GetCreationTimestamp(), b.object.GetCreationTimestamp()
	return x.Equal(&y) && slices.Equal(a.hostnames, b.hostnames)
}

// edit notes that a listener gets a route, or loses it.
func (r *round) edit(listener string, key routeKey, route *gateway.Route) {
	if r.edits[listener] == nil {
		r.edits[listener] = map[routeKey]*gateway.Route{}
	}
	r.edits[listener][key] = route
}

// attach gives a listener the list that has the edits. Lists of Configs before stay
// as they are.
func (r *round) attach(listener string, edits map[routeKey]*gateway.Route) {
	r.changed = true
	before := r.attached[listener]
	list := append(make([]*gateway.Route, 0, len(before)+len(edits)), before...)
	for key, route := range edits {
		if route != nil {
			list = index.Put(list, route, byName)
			continue
		}
		list = index.Take(list, &gateway.Route{Kind: key.kind, Namespace: key.key.Namespace, Name: key.key.Name}, byName)
	}
	r.recount = r.recount || len(list) != len(before)
	if r.attached[listener] = list; len(list) == 0 {
		delete(r.attached, listener)
	}
}

// byName orders the routes of a listener.
func byName(a, b *gateway.Route) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
}
