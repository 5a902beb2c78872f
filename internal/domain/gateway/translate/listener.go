package translate

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/trust"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// listenerState is what a round finds about a listener.
type listenerState struct {
	gateway *gatewayState
	// set is nil for the Gateway's own.
	set  *setState
	spec *gatewayv1.Listener
	// name is the one that a Config has.
	name string
	// kinds of routes that it takes.
	kinds []gatewayv1.RouteGroupKind
	// accepted, conflict and refs say what is wrong, if anything is.
	accepted, conflict, refs finding.Faults
	// overlap names a listener on the same port whose host names are among these.
	overlap string
	server  *gateway.ServerTLS
	// served says that the gateway listens for it.
	served bool
	ports  func(int32) uint16
	// attached counts routes; routes are those to serve.
	attached int32
	routes   []*gateway.Route
}

func (l *listenerState) hostname() string { return strings.ToLower(text(l.spec.Hostname, "")) }

func (l *listenerState) referrer() world.Referrer {
	if l.set != nil {
		return world.From(kindListenerSet, l.set.object.Namespace, l.set.object.Name)
	}
	return world.From(kindGateway, l.gateway.key.Namespace, l.gateway.key.Name)
}

// resolveListener finds out about one listener by itself.
func (r *round) resolveListener(l *listenerState) {
	switch l.spec.Protocol {
	case gatewayv1.HTTPProtocolType:
	case gatewayv1.HTTPSProtocolType:
		r.resolveServerTLS(l)
	default:
		l.accepted.Add(string(gatewayv1.ListenerReasonUnsupportedProtocol), fmt.Sprintf("Protocol %q is not served: use HTTP or HTTPS.", l.spec.Protocol))
		r.resolveKinds(l, nil)
		return
	}
	r.resolveKinds(l, routeKinds)
}

// routeKinds are the kinds of routes that are served.
var routeKinds = []gatewayv1.Kind{"HTTPRoute", "GRPCRoute"}

// resolveKinds finds the kinds that a listener takes of those that its protocol can
// carry.
func (*round) resolveKinds(l *listenerState, served []gatewayv1.Kind) {
	l.kinds = []gatewayv1.RouteGroupKind{}
	ours := gatewayv1.Group(group)
	if l.spec.AllowedRoutes == nil || len(l.spec.AllowedRoutes.Kinds) == 0 {
		for _, kind := range served {
			l.kinds = append(l.kinds, gatewayv1.RouteGroupKind{Group: &ours, Kind: kind})
		}
		return
	}
	for _, asked := range l.spec.AllowedRoutes.Kinds {
		if text(asked.Group, group) == group && slices.Contains(served, asked.Kind) {
			l.kinds = append(l.kinds, gatewayv1.RouteGroupKind{Group: &ours, Kind: asked.Kind})
			continue
		}
		l.refs.Add(string(gatewayv1.ListenerReasonInvalidRouteKinds), fmt.Sprintf("Routes of kind %s are not served with protocol %s: use HTTPRoute or GRPCRoute with HTTP or HTTPS.",
			finding.Qualified(text(asked.Group, group), string(asked.Kind)), l.spec.Protocol))
	}
}

func (r *round) resolveServerTLS(l *listenerState) {
	if l.spec.TLS == nil || text(l.spec.TLS.Mode, string(gatewayv1.TLSModeTerminate)) != string(gatewayv1.TLSModeTerminate) {
		l.accepted.Add(string(gatewayv1.ListenerReasonUnsupportedValue), "A listener for HTTPS needs spec.tls with mode Terminate.")
		return
	}
	server := &gateway.ServerTLS{}
	for i := range l.spec.TLS.CertificateRefs {
		found, wrong := r.trust.Certificate(l.referrer(), &l.spec.TLS.CertificateRefs[i], string(gatewayv1.ListenerReasonInvalidCertificateRef))
		l.refs = append(l.refs, wrong...)
		if found != nil {
			server.Certificates = append(server.Certificates, found.Value)
		}
	}
	if len(l.spec.TLS.CertificateRefs) == 0 {
		l.refs.Add(string(gatewayv1.ListenerReasonInvalidCertificateRef), "A listener for HTTPS needs a certificate: name a Secret in tls.certificateRefs.")
	}
	r.resolveClientValidation(l, server)
	if len(server.Certificates) > 0 {
		l.server = server
	}
}

// resolveClientValidation finds what client certificates are verified with.
func (r *round) resolveClientValidation(l *listenerState, server *gateway.ServerTLS) {
	validation := l.gateway.frontend(l.spec.Port)
	if validation == nil {
		return
	}
	server.RequireClient = validation.Mode != gatewayv1.AllowInsecureFallback
	l.gateway.insecure = l.gateway.insecure || !server.RequireClient
	var refs []trust.Authority
	for _, ref := range validation.CACertificateRefs {
		refs = append(refs, trust.Authority{Group: string(ref.Group), Kind: string(ref.Kind), Key: Key{Namespace: text(ref.Namespace, l.gateway.key.Namespace), Name: string(ref.Name)}})
	}
	var wrong finding.Faults
	server.ClientCAs, wrong = r.trust.Authorities(world.From(kindGateway, l.gateway.key.Namespace, l.gateway.key.Name), refs, trust.Reasons{
		Kind:  string(gatewayv1.ListenerReasonInvalidCACertificateKind),
		Value: string(gatewayv1.ListenerReasonInvalidCACertificateRef),
		Grant: string(gatewayv1.ListenerReasonRefNotPermitted),
	})
	l.refs = append(l.refs, wrong...)
	if server.ClientCAs == nil {
		server.ClientCAs = x509.NewCertPool()
		l.accepted.Add(string(gatewayv1.ListenerReasonNoValidCACertificate), "No authority that client certificates could be verified with can be read: see condition ResolvedRefs.")
	}
}

// frontend is how the client certificates of a port are verified.
func (g *gatewayState) frontend(port int32) *gatewayv1.FrontendTLSValidation {
	if g.object.Spec.TLS == nil || g.object.Spec.TLS.Frontend == nil {
		return nil
	}
	for _, each := range g.object.Spec.TLS.Frontend.PerPort {
		if each.Port == port {
			return each.TLS.Validation
		}
	}
	return g.object.Spec.TLS.Frontend.Default.Validation
}

// valid says that nothing of the listener itself keeps it from being served.
func (l *listenerState) valid() bool {
	return len(l.accepted) == 0 && len(l.conflict) == 0 && len(l.kinds) > 0 &&
		(l.spec.Protocol == gatewayv1.HTTPProtocolType || l.server != nil)
}

// settle decides whether the gateway listens.
func (l *listenerState) settle(settings Settings) {
	l.ports = settings.Port
	l.served = l.valid() && len(l.gateway.rejected()) == 0 && len(l.gateway.addresses) > 0
}

// serve is the listener as a Config has it: once for each address.
func (l *listenerState) serve() []gateway.Listener {
	if !l.served {
		return nil
	}
	var served []gateway.Listener
	for i, address := range l.gateway.addresses {
		name := l.name
		if i > 0 {
			name += "@" + address.String()
		}
		served = append(served, gateway.Listener{
			Name: name, Gateway: l.gateway.key.String(), Cluster: l.gateway.key.Namespace,
			Address: netip.AddrPortFrom(address.Bind, l.ports(l.spec.Port)), Port: int(l.spec.Port),
			Protocol: gateway.Protocol(l.spec.Protocol), Hostname: l.hostname(), TLS: l.server, Routes: l.routes,
		})
	}
	return served
}

// status is the listener's, of a generation of what it belongs to.
func (l *listenerState) status(r *round, generation int64, old gatewayv1.ListenerEntryStatus) gatewayv1.ListenerEntryStatus {
	accepted := append(append(finding.Faults(nil), l.conflict...), l.accepted...)
	verdicts := []finding.Verdict{
		accepted.Verdict(string(gatewayv1.ListenerConditionAccepted), string(gatewayv1.ListenerReasonAccepted), "The listener can be served."),
		l.programming(),
		l.refs.Verdict(string(gatewayv1.ListenerConditionResolvedRefs), string(gatewayv1.ListenerReasonResolvedRefs), "All references of the listener are resolved."),
		finding.Fails(gatewayv1.ListenerConditionConflicted, gatewayv1.ListenerReasonNoConflicts, "No other listener is in the way."),
	}
	if len(l.conflict) > 0 {
		verdicts[3] = finding.Holds(gatewayv1.ListenerConditionConflicted, l.conflict.Reason(), l.conflict.Message())
	}
	if l.overlap != "" {
		verdicts = append(verdicts, finding.Holds(gatewayv1.ListenerConditionOverlappingTLSConfig, gatewayv1.ListenerReasonOverlappingHostnames,
			fmt.Sprintf("Listener %q answers to some of the same host names: a client that reuses its connection for another name gets 421.", l.overlap)))
	}
	return gatewayv1.ListenerEntryStatus{
		Name: l.spec.Name, SupportedKinds: l.kinds, AttachedRoutes: l.attached,
		Conditions: finding.Conditions(old.Conditions, generation, r.now, verdicts...),
	}
}

func (l *listenerState) programming() finding.Verdict {
	const kind = gatewayv1.ListenerConditionProgrammed
	switch {
	case len(l.conflict) > 0:
		return finding.Fails(kind, l.conflict.Reason(), l.conflict.Message())
	case !l.valid():
		return finding.Fails(kind, gatewayv1.ListenerReasonInvalid, "The listener cannot be served: see its other conditions.")
	case !l.served:
		return finding.Fails(kind, gatewayv1.ListenerReasonPending, "The Gateway is not served: see its conditions.")
	}
	return finding.Holds(kind, gatewayv1.ListenerReasonProgrammed, "The gateway listens.")
}

// fromAllowed says whether a namespace is among those that an owner allows.
func (r *round) fromAllowed(from gatewayv1.FromNamespaces, selector *metav1.LabelSelector, owner, namespace string) bool {
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return owner == namespace
	case gatewayv1.NamespacesFromSelector:
		chosen, err := metav1.LabelSelectorAsSelector(selector)
		return err == nil && chosen.Matches(labels.Set(r.LabelsOf(namespace)))
	case gatewayv1.NamespacesFromNone:
	}
	return false
}
