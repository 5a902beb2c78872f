package translate

import (
	"fmt"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/host"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// attachment is a route on one listener.
type attachment struct {
	listener *listenerState
	// hostnames are those that the listener lets the route have.
	hostnames []string
}

// parent is what a round finds about one of a route's parents.
type parent struct {
	ref gatewayv1.ParentReference
	// key is the Gateway, or the one that the ListenerSet hangs on.
	key      Key
	attached []attachment
	// reached are the listeners that it would have if no other kind's routes had.
	reached []*listenerState
	// accepted says why the route does not attach.
	accepted finding.Faults
}

// parentOf finds out about a parent; nil where it is not this controller's.
func (r *round) parentOf(entry *routeEntry, ref gatewayv1.ParentReference) *parent {
	route := entry.route
	if text(ref.Group, group) != group {
		return nil
	}
	key := Key{Namespace: text(ref.Namespace, route.key.Namespace), Name: string(ref.Name)}
	p := &parent{ref: ref, key: key}
	switch text(ref.Kind, kindGateway) {
	case kindGateway:
		entry.needs[world.On(world.KindGateway, key)] = true
		g := r.gateways[key]
		if g == nil {
			return nil
		}
		r.choose(entry, p, g.listeners)
	case kindListenerSet:
		r.needSet(entry, key)
		set := r.sets[key]
		if set == nil {
			return nil
		}
		p.key = set.gateway.key
		if len(set.refused) > 0 {
			p.accepted.Add(string(gatewayv1.RouteReasonNoMatchingParent), fmt.Sprintf("ListenerSet %q is not attached to its Gateway: see its status.", key))
			return p
		}
		r.choose(entry, p, set.listeners)
	default:
		return nil
	}
	return p
}

// needSet notes what it depends on whether a ListenerSet has the route.
func (r *round) needSet(entry *routeEntry, key Key) {
	entry.needs[world.On(world.KindListenerSet, key)] = true
	entry.needs[world.On(world.KindNamespace, Key{Name: key.Namespace})] = true
	if set := r.World.ListenerSets[key]; set != nil {
		ref := set.Spec.ParentRef
		entry.needs[world.On(world.KindGateway, Key{Namespace: text(ref.Namespace, key.Namespace), Name: string(ref.Name)})] = true
	}
}

// choose finds the listeners of a parent that take the route.
func (r *round) choose(entry *routeEntry, p *parent, listeners []*listenerState) {
	route, taken := entry.route, entry.taken
	candidates := slices.Clone(listeners)
	for _, filter := range []struct {
		keep            func(*listenerState) bool
		reason, message string
	}{
		{
			func(l *listenerState) bool { return named(p.ref, l) }, string(gatewayv1.RouteReasonNoMatchingParent),
			"The parent has no listener of that name and port: see spec.parentRefs.",
		},
		{
			func(l *listenerState) bool { return r.takes(l, route) }, string(gatewayv1.RouteReasonNotAllowedByListeners),
			fmt.Sprintf("No listener takes a route of kind %s from namespace %q: see allowedRoutes of the parent's listeners.", route.kind, route.key.Namespace),
		},
		{
			func(l *listenerState) bool { _, ok := host.Allowed(l.hostname(), route.hostnames); return ok }, string(gatewayv1.RouteReasonNoMatchingListenerHostname),
			fmt.Sprintf("No listener answers to any host name of the route: %s.", join(route.hostnames)),
		},
		{
			func(l *listenerState) bool { return !taken[l.name] }, ReasonHostnameTaken,
			"An older route of another kind has a host name of this one: give them different names.",
		},
	} {
		p.reached = slices.Clone(candidates)
		candidates = slices.DeleteFunc(candidates, func(l *listenerState) bool { return !filter.keep(l) })
		if len(candidates) == 0 {
			p.accepted.Add(filter.reason, filter.message)
			if filter.reason != ReasonHostnameTaken {
				p.reached = nil
			}
			return
		}
	}
	for _, l := range candidates {
		allowed, _ := host.Allowed(l.hostname(), route.hostnames)
		p.attached = append(p.attached, attachment{listener: l, hostnames: allowed})
	}
}

func named(ref gatewayv1.ParentReference, l *listenerState) bool {
	return (ref.SectionName == nil || *ref.SectionName == l.spec.Name) && (ref.Port == nil || *ref.Port == l.spec.Port)
}

// takes says whether a listener allows routes of that kind and namespace.
func (r *round) takes(l *listenerState, route *routeObject) bool {
	if !slices.ContainsFunc(l.kinds, func(k gatewayv1.RouteGroupKind) bool { return string(k.Kind) == string(route.kind) }) {
		return false
	}
	from := gatewayv1.NamespacesFromSame
	allowed := l.spec.AllowedRoutes
	if allowed == nil || allowed.Namespaces == nil {
		return r.fromAllowed(from, nil, l.referrer().Namespace, route.key.Namespace)
	}
	return r.fromAllowed(deref(allowed.Namespaces.From, from), allowed.Namespaces.Selector, l.referrer().Namespace, route.key.Namespace)
}

func join[T ~string](list []T) string {
	parts := make([]string, len(list))
	for i, each := range list {
		parts[i] = string(each)
	}
	return strings.Join(parts, ", ")
}
