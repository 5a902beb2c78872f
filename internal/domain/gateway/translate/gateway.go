package translate

import (
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/trust"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// gatewayState is what a round finds about a Gateway.
type gatewayState struct {
	object *gatewayv1.Gateway
	key    Key
	// listeners are the Gateway's own; sets those that hang on it, in the order in
	// which their listeners count.
	listeners []*listenerState
	sets      []*setState
	// addresses that it has; address says why it has none.
	addresses []Address
	address   finding.Faults
	// unsupported says which address cannot be, and invalid what else of the spec.
	unsupported, invalid string
	// client is what backends are shown, and refs what is wrong with it.
	client *trust.Certificate
	refs   finding.Faults
	// insecure says that some listeners let pass clients whose certificate is bad.
	insecure bool
}

// setState is what a round finds about a ListenerSet.
type setState struct {
	object    *gatewayv1.ListenerSet
	gateway   *gatewayState
	listeners []*listenerState
	// refused says why none of its listeners count.
	refused finding.Faults
}

// all are the listeners of a Gateway and its sets in the order in which they count.
func (g *gatewayState) all() []*listenerState {
	if len(g.sets) == 0 {
		return g.listeners
	}
	all := slices.Clone(g.listeners)
	for _, set := range g.sets {
		if len(set.refused) == 0 {
			all = append(all, set.listeners...)
		}
	}
	return all
}

// resolveGateways finds out about the Gateways of our classes, and what listens.
func (r *round) resolveGateways() {
	for key, object := range r.World.Gateways {
		if r.ours[string(object.Spec.GatewayClassName)] {
			g := &gatewayState{object: object, key: key}
			r.gateways[key] = g
			r.ordered = append(r.ordered, g)
		}
	}
	slices.SortFunc(r.ordered, func(a, b *gatewayState) int { return olderFirst(a.object, b.object) })
	r.resolveSets()
	for _, g := range r.ordered {
		r.resolveGateway(g)
	}
	r.assignAddresses()
	for _, g := range r.ordered {
		for _, l := range g.all() {
			l.settle(r.settings)
		}
	}
}

// resolveSets finds the ListenerSets of each Gateway.
func (r *round) resolveSets() {
	for key, object := range r.World.ListenerSets {
		ref := object.Spec.ParentRef
		if text(ref.Group, group) != group || text(ref.Kind, kindGateway) != kindGateway {
			continue
		}
		g := r.gateways[Key{Namespace: text(ref.Namespace, key.Namespace), Name: string(ref.Name)}]
		if g == nil {
			continue
		}
		set := &setState{object: object, gateway: g}
		if !r.allowsSet(g, key.Namespace) {
			set.refused.Add(string(gatewayv1.ListenerSetReasonNotAllowed),
				fmt.Sprintf("Gateway %q allows no ListenerSets from namespace %q: its owner can allow them in spec.allowedListeners.", g.key, key.Namespace))
		}
		r.sets[key] = set
		g.sets = append(g.sets, set)
	}
	for _, g := range r.ordered {
		slices.SortFunc(g.sets, func(a, b *setState) int { return olderFirst(a.object, b.object) })
	}
}

func (r *round) allowsSet(g *gatewayState, namespace string) bool {
	allowed := g.object.Spec.AllowedListeners
	if allowed == nil || allowed.Namespaces == nil {
		return false
	}
	from := deref(allowed.Namespaces.From, gatewayv1.NamespacesFromNone)
	return r.fromAllowed(from, allowed.Namespaces.Selector, g.key.Namespace, namespace)
}

func (r *round) resolveGateway(g *gatewayState) {
	if i := g.object.Spec.Infrastructure; i != nil && i.ParametersRef != nil {
		g.invalid = fmt.Sprintf("Roadbed's Gateways take no parameters: remove spec.infrastructure.parametersRef, which names %s %q.", i.ParametersRef.Kind, i.ParametersRef.Name)
	}
	r.resolveClientCertificate(g)
	for i := range g.object.Spec.Listeners {
		l := &listenerState{gateway: g, spec: &g.object.Spec.Listeners[i]}
		l.name = g.key.String() + "/" + string(l.spec.Name)
		g.listeners = append(g.listeners, l)
	}
	for _, set := range g.sets {
		for i := range set.object.Spec.Listeners {
			spec := gatewayv1.Listener(set.object.Spec.Listeners[i])
			l := &listenerState{gateway: g, set: set, spec: &spec}
			l.name = g.key.String() + "/" + keyOf(set.object).String() + "/" + string(spec.Name)
			set.listeners = append(set.listeners, l)
		}
	}
	all := g.all()
	for _, l := range all {
		r.resolveListener(l)
		r.listeners[l.name] = l
	}
	findConflicts(all)
	findOverlaps(all)
}

// resolveClientCertificate reads what the Gateway shows to backends.
func (r *round) resolveClientCertificate(g *gatewayState) {
	spec := g.object.Spec.TLS
	if spec == nil || spec.Backend == nil || spec.Backend.ClientCertificateRef == nil {
		return
	}
	found, wrong := r.trust.Certificate(world.From(kindGateway, g.key.Namespace, g.key.Name), spec.Backend.ClientCertificateRef, string(gatewayv1.GatewayReasonInvalidClientCertificateRef))
	g.client, g.refs = found, wrong
}

// rejected says why nothing of a Gateway can be served, whatever its listeners are.
func (g *gatewayState) rejected() finding.Faults {
	var wrong finding.Faults
	if g.invalid != "" {
		wrong.Add(string(gatewayv1.GatewayReasonInvalidParameters), g.invalid)
	}
	if g.unsupported != "" {
		wrong.Add(string(gatewayv1.GatewayReasonUnsupportedAddress), g.unsupported)
	}
	return wrong
}

func (g *gatewayState) acceptance() finding.Verdict {
	const kind = gatewayv1.GatewayConditionAccepted
	if wrong := g.rejected(); len(wrong) > 0 {
		return finding.Fails(kind, wrong.Reason(), wrong.Message())
	}
	return acceptedAs(string(kind), g.listeners, func(l *listenerState) bool { return l.accepted == nil && l.conflict == nil }, "Roadbed serves this Gateway.")
}

// acceptedAs says whether all, some or none of the listeners of an object can be
// served, and so whether it is accepted.
func acceptedAs(kind string, listeners []*listenerState, serves func(*listenerState) bool, message string) finding.Verdict {
	good := 0
	for _, l := range listeners {
		good += int(one(serves(l)))
	}
	switch good {
	case len(listeners):
		return finding.Holds(kind, gatewayv1.GatewayReasonAccepted, message)
	case 0:
		return finding.Fails(kind, gatewayv1.GatewayReasonListenersNotValid, "No listener can be served: see the conditions of each.")
	}
	return finding.Holds(kind, gatewayv1.GatewayReasonListenersNotValid, "Some listeners cannot be served: see the conditions of each.")
}

func (g *gatewayState) programming(accepted finding.Verdict) finding.Verdict {
	const kind = gatewayv1.GatewayConditionProgrammed
	switch {
	case !accepted.Status:
		return finding.Fails(kind, gatewayv1.GatewayReasonInvalid, "The Gateway is not accepted: see condition Accepted.")
	case len(g.address) > 0:
		return finding.Fails(kind, g.address.Reason(), g.address.Message())
	case !slices.ContainsFunc(g.all(), func(l *listenerState) bool { return l.served }):
		return finding.Fails(kind, gatewayv1.GatewayReasonInvalid, "No listener can be served: see the conditions of each.")
	}
	return finding.Holds(kind, gatewayv1.GatewayReasonProgrammed, "The gateway listens.")
}

func (g *gatewayState) resolution() finding.Verdict {
	wrong := slices.Clone(g.refs)
	for _, l := range g.listeners {
		if len(l.refs) > 0 {
			wrong.Add(string(gatewayv1.GatewayReasonListenersNotResolved), "Some listeners refer to what is not there: see the conditions of each.")
		}
	}
	return wrong.Verdict(string(gatewayv1.GatewayConditionResolvedRefs), string(gatewayv1.GatewayReasonResolvedRefs), "All references of the Gateway are resolved.")
}

// reportGateway puts down the status of a Gateway where it differs.
func (r *round) reportGateway(g *gatewayState) {
	old := &g.object.Status
	accepted := g.acceptance()
	verdicts := []finding.Verdict{accepted, g.programming(accepted), g.resolution()}
	if g.insecure {
		verdicts = append(verdicts, finding.Holds(gatewayv1.GatewayConditionInsecureFrontendValidationMode, gatewayv1.GatewayReasonConfigurationChanged,
			"Clients whose certificate is absent or bad are let in as nobody, because spec.tls.frontend asks for AllowInsecureFallback."))
	}
	status := gatewayv1.GatewayStatus{Conditions: finding.Conditions(old.Conditions, g.object.Generation, r.now, verdicts...)}
	if len(g.rejected()) == 0 {
		status.Addresses = g.statusAddresses()
	}
	var attached int32
	for _, set := range g.sets {
		attached += int32(one(set.acceptance().Status))
	}
	status.AttachedListenerSets = &attached
	for _, l := range g.listeners {
		status.Listeners = append(status.Listeners, gatewayv1.ListenerStatus(l.status(r, g.object.Generation, before(old.Listeners, l.spec.Name))))
	}
	if equality.Semantic.DeepEqual(*old, status) {
		return
	}
	changed := g.object.DeepCopy()
	changed.Status = status
	r.told.gateways = append(r.told.gateways, changed)
}

// before is what a status said of a listener.
func before[T gatewayv1.ListenerStatus | gatewayv1.ListenerEntryStatus](list []T, name gatewayv1.SectionName) gatewayv1.ListenerEntryStatus {
	for i := range list {
		if entry := gatewayv1.ListenerEntryStatus(list[i]); entry.Name == name {
			return entry
		}
	}
	return gatewayv1.ListenerEntryStatus{}
}

func (g *gatewayState) statusAddresses() []gatewayv1.GatewayStatusAddress {
	var addresses []gatewayv1.GatewayStatusAddress
	for _, address := range g.addresses {
		kind := gatewayv1.HostnameAddressType
		if _, err := netip.ParseAddr(address.String()); err == nil {
			kind = gatewayv1.IPAddressType
		}
		addresses = append(addresses, gatewayv1.GatewayStatusAddress{Type: &kind, Value: address.String()})
	}
	return addresses
}
