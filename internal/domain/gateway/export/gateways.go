package export

import (
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// own says whether a Gateway is served by Roadbed.
func (x *export) own(gateway *gatewayv1.Gateway) bool {
	name := string(gateway.Spec.GatewayClassName)
	if class, ok := find(x.Classes, "", name); ok {
		return string(class.Spec.ControllerName) == Controller
	}
	return name == OwnClass
}

// takeGateways copies Roadbed's Gateways, and what adds listeners to them, into the
// other class.
func (x *export) takeGateways() {
	for _, source := range x.Gateways {
		if !x.own(source) {
			continue
		}
		gateway := source.DeepCopy()
		gateway.Spec.GatewayClassName = gatewayv1.ObjectName(x.Class)
		x.gateways = append(x.gateways, gateway)
		if x.For == Kong && gateway.Spec.TLS != nil && gateway.Spec.TLS.Frontend != nil {
			x.lose(title(source), "spec.tls.frontend", Open, "Kong's controller does not read it: nobody is asked for a client certificate",
				"add Kong's plugin mtls-auth, which needs a licence")
		}
	}
	for _, source := range x.ListenerSets {
		ref := source.Spec.ParentRef
		if gateway, ok := find(x.Gateways, namespaceOr(ref.Namespace, source.Namespace), string(ref.Name)); ok && x.own(gateway) {
			x.sets = append(x.sets, source.DeepCopy())
			if x.For == Kong {
				x.lose(title(source), "", Closed, "Kong's controller reads no ListenerSets", "put the listeners into the Gateway")
			}
		}
	}
	slices.SortFunc(x.gateways, func(a, b *gatewayv1.Gateway) int { return compareNames(a, b) })
}

// parent is the Gateway that a route hangs on, and the ListenerSet between them;
// nil where it is not in the input.
func (x *export) parent(ref gatewayv1.ParentReference, namespace string) (*gatewayv1.Gateway, *gatewayv1.ListenerSet) {
	namespace = namespaceOr(ref.Namespace, namespace)
	if ref.Kind == nil || *ref.Kind == "Gateway" {
		gateway, _ := find(x.Gateways, namespace, string(ref.Name))
		return gateway, nil
	}
	set, ok := find(x.ListenerSets, namespace, string(ref.Name))
	if !ok || *ref.Kind != "ListenerSet" {
		return nil, nil
	}
	gateway, _ := find(x.Gateways, namespaceOr(set.Spec.ParentRef.Namespace, namespace), string(set.Spec.ParentRef.Name))
	return gateway, set
}

func namespaceOr(namespace *gatewayv1.Namespace, otherwise string) string {
	if namespace != nil {
		return string(*namespace)
	}
	return otherwise
}

// general notes what no other gateway does for the platform.
func (x *export) general() {
	for _, gateway := range x.gateways {
		x.lose(title(gateway), "", Missing, "nobody keeps the ledger of who calls which version of an API, so the removal of a version does not wait for its consumers",
			"ask for consumers in the access log before a version is removed")
		x.lose(title(gateway), "", Open, "tenants do not queue fairly: one that sends too much slows the others down",
			"bound each tenant with a RateLimitPolicy, and backends with the gateway's own circuit breakers")
		x.lose(title(gateway), "", Missing, "refusals are not application/problem+json (RFC 9457), and access log and metrics have the other gateway's own form",
			"point dashboards and SLOs at its series")
	}
	for _, subscription := range x.Subscriptions {
		if !slices.ContainsFunc(x.open(), func(r *rule) bool { return len(r.auth) > 0 && x.keysOnly(r.auth[0]) }) {
			x.lose(title(subscription), "", Closed, "no rule takes API keys there", "call with tokens, or keep Roadbed's gateway for those who have keys")
		}
	}
}
