package translate

import (
	"cmp"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
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

// routeEntry is what was made of a route.
type routeEntry struct {
	route *routeObject
	// needs are what the entry was made of, besides the route.
	needs map[world.Dependency]bool
	// reach are listeners that the route may have by all but its kind, and taken
	// those that it may not have because of that.
	reach, taken map[string]bool
	// served are the routes by listener, for the Config.
	served map[string]*gateway.Route
	// backends that the rules name; gateways that its parents belong to.
	backends map[backendSpec]bool
	gateways map[Key]bool
	// changed is the object with its new status; nil where it has it.
	changed client.Object
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
		route: route, needs: map[world.Dependency]bool{world.On(world.KindNamespace, Key{Name: key.key.Namespace}): true},
		reach: map[string]bool{}, taken: taken, served: map[string]*gateway.Route{},
		backends: map[backendSpec]bool{}, gateways: map[Key]bool{},
	}
	var statuses []gatewayv1.RouteParentStatus
	variants := map[Key]*ruleset{}
	for _, ref := range route.parents {
		p := r.parentOf(entry, ref)
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
	entry.changed = r.routeStatus(route, statuses)
	r.replace(key, entry)
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
	if len(rules.invalid) > 0 && len(rules.rules) == 0 {
		if len(p.accepted) == 0 {
			p.accepted = rules.invalid
		}
		p.reached = nil
	}
	for _, l := range p.reached {
		entry.reach[l.name] = true
	}
	if len(p.accepted) == 0 {
		for _, a := range p.attached {
			entry.served[a.listener.name] = &gateway.Route{
				Kind: route.kind, Namespace: route.key.Namespace, Name: route.key.Name,
				Created: route.object.GetCreationTimestamp().Time, Hostnames: a.hostnames, Rules: rules.rules,
			}
		}
	}
	verdicts := []finding.Verdict{
		p.accepted.Verdict(string(gatewayv1.RouteConditionAccepted), string(gatewayv1.RouteReasonAccepted), "The gateway serves this route."),
		rules.refs.Verdict(string(gatewayv1.RouteConditionResolvedRefs), string(gatewayv1.RouteReasonResolvedRefs), "All references of the route are resolved."),
	}
	if len(p.accepted) == 0 && len(rules.invalid) > 0 {
		verdicts = append(verdicts, finding.Holds(gatewayv1.RouteConditionPartiallyInvalid, cmp.Or(rules.invalid.Reason(), ReasonRulesDropped), "Dropped Rule: "+rules.invalid.Message()))
	}
	return gatewayv1.RouteParentStatus{
		ParentRef: p.ref, ControllerName: gatewayv1.GatewayController(r.settings.Controller),
		Conditions: finding.Conditions(r.oldParent(route.status, p.ref), route.object.GetGeneration(), r.now, verdicts...),
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
