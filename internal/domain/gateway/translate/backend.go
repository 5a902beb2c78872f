package translate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/rule"
)

// backendSpec is what a backend is made of.
type backendSpec struct {
	service  Key
	port     int32
	protocol gateway.AppProtocol
	// gateway is the one whose certificate is shown; empty for none.
	gateway Key
}

// backendEntry is a backend that was made, and of what.
type backendEntry struct {
	spec      backendSpec
	service   uint64
	endpoints uint64
	tls       *gateway.ClientTLS
	made      *gateway.Backend
}

// weighted resolves a reference to a backend with its share.
func (m *ruler) weighted(ref *gatewayv1.BackendRef, filters gateway.Filters) gateway.Weighted {
	return gateway.Weighted{Backend: m.backend(&ref.BackendObjectReference), Weight: rule.Weight(ref.Weight), Filters: filters}
}

// backend resolves a reference and returns the backend's ID, or "".
func (m *ruler) backend(ref *gatewayv1.BackendObjectReference) string {
	key := Key{Namespace: text(ref.Namespace, m.route.key.Namespace), Name: string(ref.Name)}
	from := world.From(string(m.route.kind), m.route.key.Namespace, m.route.key.Name)
	if deref(ref.Group, "") != "" || text(ref.Kind, kindService) != kindService {
		m.set.refs.add(string(gatewayv1.RouteReasonInvalidKind), fmt.Sprintf("Backends are Services, not %s %q.", qualified(string(deref(ref.Group, "")), text(ref.Kind, kindService)), key))
		return ""
	}
	if !m.Permitted(from, kindService, key) {
		m.set.refs.add(string(gatewayv1.RouteReasonRefNotPermitted), world.MissingGrant(from, kindService, key))
		return ""
	}
	m.entry.services[key] = m.OfService[key]
	service := m.Services[key]
	port := portOf(service, ref.Port)
	switch {
	case service == nil:
		m.set.refs.add(string(gatewayv1.RouteReasonBackendNotFound), fmt.Sprintf("Service %q does not exist.", key))
		return ""
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		m.set.refs.add(string(gatewayv1.RouteReasonInvalidKind), fmt.Sprintf("Service %q is a name for somebody else's server (ExternalName), which the gateway does not call.", key))
		return ""
	case port == nil:
		m.set.refs.add(string(gatewayv1.RouteReasonBackendNotFound), fmt.Sprintf("Service %q has no port %d.", key, deref(ref.Port, 0)))
		return ""
	}
	protocol, err := m.protocol(port)
	if err != nil {
		m.set.refs.add(string(gatewayv1.RouteReasonUnsupportedProtocol), fmt.Sprintf("Port %d of Service %q: %v.", port.Port, key, err))
		return ""
	}
	spec := backendSpec{service: key, port: port.Port, protocol: protocol, gateway: m.variant}
	id := spec.id()
	m.entry.backends[id] = spec
	return id
}

func (s backendSpec) id() string {
	id := fmt.Sprintf("%s:%d", s.service, s.port)
	if s.protocol != gateway.HTTP1 {
		id += "+" + string(s.protocol)
	}
	if s.gateway != (Key{}) {
		id += "@" + s.gateway.String()
	}
	return id
}

func portOf(service *corev1.Service, number *int32) *corev1.ServicePort {
	if service == nil || number == nil {
		return nil
	}
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if p.Port == *number && p.Protocol != corev1.ProtocolUDP {
			return p
		}
	}
	return nil
}

// protocol is what to speak with a port.
func (m *ruler) protocol(port *corev1.ServicePort) (gateway.AppProtocol, error) {
	app := deref(port.AppProtocol, "")
	if m.route.kind == gateway.GRPCRoute {
		if app == "kubernetes.io/ws" || app == "kubernetes.io/wss" {
			return "", fmt.Errorf("its appProtocol is %q, which carries no gRPC", app)
		}
		return gateway.H2C, nil
	}
	switch app {
	case "kubernetes.io/h2c", "grpc":
		return gateway.H2C, nil
	case "kubernetes.io/ws", "kubernetes.io/wss":
		return gateway.WS, nil
	}
	return gateway.HTTP1, nil
}

// resolveBackends makes each backend that a route names, or takes it as it was.
func (r *round) resolveBackends() map[string]*gateway.Backend {
	made := make(map[string]*gateway.Backend, len(r.backends))
	for _, entry := range r.routes {
		if len(entry.served) == 0 {
			continue
		}
		for id, spec := range entry.backends {
			if _, done := made[id]; !done {
				made[id] = r.resolveBackend(id, spec)
			}
		}
	}
	for id := range r.backends {
		if made[id] == nil {
			delete(r.backends, id)
			r.changed = true
		}
	}
	return made
}

func (r *round) resolveBackend(id string, spec backendSpec) *gateway.Backend {
	old := r.backends[id]
	secured := r.clientTLS(spec)
	own, mine := r.settings.Own[spec.service]
	if mine {
		secured = nil
	}
	if old != nil && old.service == r.OfService[spec.service] && old.endpoints == r.Endpoints[spec.service] && old.tls == secured {
		return old.made
	}
	backend := &gateway.Backend{
		ID: id, Namespace: spec.service.Namespace, Service: spec.service.Name, Port: int(spec.port),
		Protocol: spec.protocol, TLS: secured,
	}
	if secured != nil && backend.Protocol == gateway.H2C {
		backend.Protocol = gateway.H2
	}
	if port := portOf(r.Services[spec.service], &spec.port); mine {
		backend.Endpoints = own
	} else if port != nil {
		backend.Endpoints = r.endpointsOf(spec.service, port.Name)
	}
	entry := &backendEntry{spec: spec, service: r.OfService[spec.service], endpoints: r.Endpoints[spec.service], tls: secured, made: backend}
	if old != nil && old.tls == secured && old.made.Protocol == backend.Protocol && slices.Equal(old.made.Endpoints, backend.Endpoints) {
		entry.made = old.made
	} else {
		r.changed = true
	}
	r.backends[id] = entry
	return entry.made
}

// endpointsOf are a Service port's that are ready, or, where none is, those that
// still serve while they end.
func (r *round) endpointsOf(service Key, port string) []gateway.Endpoint {
	var ready, ending []gateway.Endpoint
	for name := range r.SlicesOf[service] {
		slice := r.Slices[Key{Namespace: service.Namespace, Name: name}]
		number := slicePort(slice, port)
		if number == 0 || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if len(e.Addresses) == 0 {
				continue
			}
			address, err := netip.ParseAddr(e.Addresses[0])
			if err != nil {
				continue
			}
			endpoint := gateway.Endpoint{Address: netip.AddrPortFrom(address, number), Zone: deref(e.Zone, "")}
			switch {
			case deref(e.Conditions.Ready, true):
				ready = append(ready, endpoint)
			case deref(e.Conditions.Serving, false) && deref(e.Conditions.Terminating, false):
				ending = append(ending, endpoint)
			}
		}
	}
	if len(ready) == 0 {
		ready = ending
	}
	slices.SortFunc(ready, func(a, b gateway.Endpoint) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Zone, b.Zone))
	})
	return slices.Compact(ready)
}

func slicePort(slice *discoveryv1.EndpointSlice, name string) uint16 {
	for _, p := range slice.Ports {
		if deref(p.Name, "") == name && p.Port != nil {
			return uint16(*p.Port)
		}
	}
	return 0
}
