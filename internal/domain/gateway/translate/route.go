package translate

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/host"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// routeKey names a route.
type routeKey struct {
	kind gateway.RouteKind
	key  Key
}

// routeObject is what routes of both kinds have in common.
type routeObject struct {
	object    client.Object
	kind      gateway.RouteKind
	key       Key
	parents   []gatewayv1.ParentReference
	hostnames []gatewayv1.Hostname
	status    *gatewayv1.RouteStatus
}

// routeEntry is what was made of a route, and of what.
type routeEntry struct {
	route *routeObject
	shape uint64
	// services are those that were asked for, as they were then.
	services map[Key]uint64
	// taken are listeners that the route may not have because of its kind.
	taken map[string]bool
	// served are the routes by listener, for the Config.
	served map[string]*gateway.Route
	// backends that the rules name; gateways that its parents belong to.
	backends map[string]backendSpec
	gateways map[Key]bool
	policies map[policyKey]bool
	// changed is the object with its new status; nil where it has it.
	changed client.Object
}

// translateRoutes makes what each route means, or takes what it meant before.
func (r *round) translateRoutes() {
	seen := 0
	for key, object := range r.HTTPRoutes {
		seen += r.visit(routeKey{gateway.HTTPRoute, key}, object)
	}
	for key, object := range r.GRPCRoutes {
		seen += r.visit(routeKey{gateway.GRPCRoute, key}, object)
	}
	if seen < len(r.routes) {
		maps.DeleteFunc(r.routes, func(key routeKey, entry *routeEntry) bool {
			gone := r.http(key) == nil && r.grpc(key) == nil
			r.changed = r.changed || gone && len(entry.served) > 0
			return gone
		})
	}
	r.separateKinds()
	for _, entry := range r.routes {
		for name, route := range entry.served {
			l := r.listeners[name]
			l.attached++
			l.routes = append(l.routes, route)
		}
		if entry.changed != nil {
			r.statuses = append(r.statuses, entry.changed)
		}
	}
}

func (r *round) http(key routeKey) *gatewayv1.HTTPRoute {
	if key.kind != gateway.HTTPRoute {
		return nil
	}
	return r.HTTPRoutes[key.key]
}

func (r *round) grpc(key routeKey) *gatewayv1.GRPCRoute {
	if key.kind != gateway.GRPCRoute {
		return nil
	}
	return r.GRPCRoutes[key.key]
}

// visit makes sure that the entry of a route is fresh.
func (r *round) visit(key routeKey, object client.Object) int {
	entry := r.routes[key]
	if entry == nil || entry.route.object != object || !entry.fresh(r.World) {
		r.translate(key, object, nil)
	}
	return 1
}

// fresh says whether nothing changed that the entry was made of.
func (e *routeEntry) fresh(w *World) bool {
	if e.shape != w.Shape {
		return false
	}
	for key, version := range e.services {
		if w.OfService[key] != version {
			return false
		}
	}
	return true
}

// objectOf is what a route has in common with the other kind.
func objectOf(object client.Object) *routeObject {
	switch o := object.(type) {
	case *gatewayv1.HTTPRoute:
		return &routeObject{o, gateway.HTTPRoute, keyOf(o), o.Spec.ParentRefs, o.Spec.Hostnames, &o.Status.RouteStatus}
	case *gatewayv1.GRPCRoute:
		return &routeObject{o, gateway.GRPCRoute, keyOf(o), o.Spec.ParentRefs, o.Spec.Hostnames, &o.Status.RouteStatus}
	}
	panic(fmt.Sprintf("%T is no route", object))
}

// translate makes the entry of a route anew. Listeners that are taken do not have it.
func (r *round) translate(key routeKey, object client.Object, taken map[string]bool) {
	route := objectOf(object)
	entry := &routeEntry{
		route: route, shape: r.Shape, taken: taken, services: map[Key]uint64{}, served: map[string]*gateway.Route{},
		backends: map[string]backendSpec{}, gateways: map[Key]bool{}, policies: map[policyKey]bool{},
	}
	var statuses []gatewayv1.RouteParentStatus
	variants := map[Key]*ruleset{}
	for _, ref := range route.parents {
		p := r.parentOf(route, ref, taken)
		if p == nil {
			continue
		}
		entry.gateways[p.key] = true
		variant := r.variant(p.key)
		rules := variants[variant]
		if rules == nil {
			rules = r.rulesOf(route, entry, variant)
			variants[variant] = rules
		}
		statuses = append(statuses, r.serve(entry, p, rules))
	}
	entry.keepEqual(r.routes[key])
	if old := r.routes[key]; old == nil || !maps.Equal(old.served, entry.served) {
		r.changed = r.changed || len(entry.served) > 0 || old != nil && len(old.served) > 0
	}
	entry.changed = r.routeStatus(route, statuses)
	r.routes[key] = entry
}

// variant tells apart Gateways whose rules differ from others': those that show a
// certificate to backends.
func (r *round) variant(key Key) Key {
	if g := r.gateways[key]; g.client != nil || len(g.refs) > 0 {
		return key
	}
	return Key{}
}

// serve puts a route on the listeners of a parent and says what the parent's
// status is.
func (r *round) serve(entry *routeEntry, p *parent, rules *ruleset) gatewayv1.RouteParentStatus {
	route := entry.route
	if len(p.accepted) == 0 && len(rules.invalid) > 0 && len(rules.rules) == 0 {
		p.accepted = rules.invalid
	}
	if len(p.accepted) == 0 {
		for _, a := range p.attached {
			entry.served[a.listener.name] = &gateway.Route{
				Kind: route.kind, Namespace: route.key.Namespace, Name: route.key.Name,
				Created: route.object.GetCreationTimestamp().Time, Hostnames: a.hostnames, Rules: rules.rules,
			}
		}
	}
	verdicts := []verdict{
		p.accepted.verdict(string(gatewayv1.RouteConditionAccepted), string(gatewayv1.RouteReasonAccepted), "The gateway serves this route."),
		rules.refs.verdict(string(gatewayv1.RouteConditionResolvedRefs), string(gatewayv1.RouteReasonResolvedRefs), "All references of the route are resolved."),
	}
	if len(p.accepted) == 0 && len(rules.invalid) > 0 {
		verdicts = append(verdicts, holds(gatewayv1.RouteConditionPartiallyInvalid, cmp.Or(rules.invalid.reason(), ReasonRulesDropped), "Dropped Rule: "+rules.invalid.message()))
	}
	return gatewayv1.RouteParentStatus{
		ParentRef: p.ref, ControllerName: gatewayv1.GatewayController(r.settings.Controller),
		Conditions: conditions(r.oldParent(route.status, p.ref), route.object.GetGeneration(), r.now, verdicts...),
	}
}

// keepEqual keeps the routes of the entry before where they say the same, so that
// whoever compiled them knows them again.
func (e *routeEntry) keepEqual(old *routeEntry) {
	if old == nil {
		return
	}
	for name, route := range e.served {
		if before := old.served[name]; before != nil && reflect.DeepEqual(before, route) {
			e.served[name] = before
		}
	}
}

// routeStatus is the route with a status that has these parents and those of other
// controllers, or nil where it has them already.
func (r *round) routeStatus(route *routeObject, ours []gatewayv1.RouteParentStatus) client.Object {
	parents := make([]gatewayv1.RouteParentStatus, 0, len(ours))
	for _, each := range route.status.Parents {
		if string(each.ControllerName) != r.settings.Controller {
			parents = append(parents, each)
		}
	}
	parents = append(parents, ours...)
	if equality.Semantic.DeepEqual(route.status.Parents, parents) || len(parents) == 0 && len(route.status.Parents) == 0 {
		return nil
	}
	changed := route.object.DeepCopyObject().(client.Object)
	objectOf(changed).status.Parents = parents
	return changed
}

// separateKinds sees that no listener has routes of both kinds for a host name:
// the older one stays.
func (r *round) separateKinds() {
	if len(r.HTTPRoutes) == 0 || len(r.GRPCRoutes) == 0 {
		return
	}
	on := map[string][2][]*routeEntry{}
	for key, entry := range r.routes {
		for name := range entry.served {
			both := on[name]
			both[one(key.kind == gateway.GRPCRoute)] = append(both[one(key.kind == gateway.GRPCRoute)], entry)
			on[name] = both
		}
		for name := range entry.taken {
			both := on[name]
			both[one(key.kind == gateway.GRPCRoute)] = append(both[one(key.kind == gateway.GRPCRoute)], entry)
			on[name] = both
		}
	}
	losers := map[routeKey]map[string]bool{}
	for name, both := range on {
		r.findLosers(name, both, losers)
	}
	for key, entry := range r.routes {
		if !maps.Equal(entry.taken, losers[key]) {
			r.translate(key, entry.route.object, losers[key])
		}
	}
}

// findLosers adds the routes that an older one of the other kind keeps off a listener.
func (r *round) findLosers(name string, both [2][]*routeEntry, losers map[routeKey]map[string]bool) {
	if len(both[0]) == 0 || len(both[1]) == 0 {
		return
	}
	all := slices.Concat(both[0], both[1])
	slices.SortFunc(all, func(a, b *routeEntry) int { return olderFirst(a.route.object, b.route.object) })
	var stays []*routeEntry
	for _, entry := range all {
		mine, _ := host.Allowed(r.listeners[name].hostname(), entry.route.hostnames)
		rival := slices.ContainsFunc(stays, func(other *routeEntry) bool {
			theirs, _ := host.Allowed(r.listeners[name].hostname(), other.route.hostnames)
			return other.route.kind != entry.route.kind && host.OverlapAny(mine, theirs)
		})
		if !rival {
			stays = append(stays, entry)
			continue
		}
		key := routeKey{entry.route.kind, entry.route.key}
		if losers[key] == nil {
			losers[key] = map[string]bool{}
		}
		losers[key][name] = true
	}
}
