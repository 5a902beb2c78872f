package translate

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/rule"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// backendSpec is what a backend is made of.
type backendSpec struct {
	service  Key
	port     int32
	protocol gateway.AppProtocol
	// gateway is the one whose certificate is shown; empty for none.
	gateway Key
}

// backendEntry is a backend that was made, and how it is verified.
type backendEntry struct {
	tls  *gateway.ClientTLS
	made *gateway.Backend
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
		m.set.refs.Add(string(gatewayv1.RouteReasonInvalidKind), fmt.Sprintf("Backends are Services, not %s %q.", finding.Qualified(string(deref(ref.Group, "")), text(ref.Kind, kindService)), key))
		return ""
	}
	if from.Namespace != key.Namespace {
		m.entry.needs[world.On(world.KindGrants, Key{Name: key.Namespace})] = true
	}
	if !m.Permitted(from, kindService, key) {
		m.set.refs.Add(string(gatewayv1.RouteReasonRefNotPermitted), world.MissingGrant(from, kindService, key))
		return ""
	}
	m.entry.needs[world.On(world.KindService, key)] = true
	service := m.Services[key]
	port := portOf(service, ref.Port)
	switch {
	case service == nil:
		m.set.refs.Add(string(gatewayv1.RouteReasonBackendNotFound), fmt.Sprintf("Service %q does not exist.", key))
		return ""
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		m.set.refs.Add(string(gatewayv1.RouteReasonInvalidKind), fmt.Sprintf("Service %q is a name for somebody else's server (ExternalName), which the gateway does not call.", key))
		return ""
	case port == nil:
		m.set.refs.Add(string(gatewayv1.RouteReasonBackendNotFound), fmt.Sprintf("Service %q has no port %d.", key, deref(ref.Port, 0)))
		return ""
	}
	protocol, err := m.protocol(port)
	if err != nil {
		m.set.refs.Add(string(gatewayv1.RouteReasonUnsupportedProtocol), fmt.Sprintf("Port %d of Service %q: %v.", port.Port, key, err))
		return ""
	}
	spec := backendSpec{service: key, port: port.Port, protocol: protocol, gateway: m.variant}
	m.entry.backends[spec] = true
	return spec.id()
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

// resolveBackends makes the backends anew of which something changed. The map is the
// last round's where none is another one.
func (r *round) resolveBackends() map[string]*gateway.Backend {
	r.dueBackends()
	edits := map[string]*gateway.Backend{}
	for spec := range r.due {
		old := r.backends[spec]
		if r.naming.Count(spec) == 0 {
			if old != nil {
				edits[spec.id()] = nil
				delete(r.backends, spec)
				r.ofService.Set(spec, nil)
			}
			continue
		}
		entry := r.resolveBackend(spec, old)
		if old == nil || old.made != entry.made {
			edits[entry.made.ID] = entry.made
		}
		r.backends[spec] = entry
		r.ofService.Set(spec, map[Key]bool{spec.service: true})
	}
	if len(edits) == 0 {
		return r.serving
	}
	r.changed = true
	r.serving = maps.Clone(r.serving)
	for id, backend := range edits {
		if r.serving[id] = backend; backend == nil {
			delete(r.serving, id)
		}
	}
	return r.serving
}

// dueBackends adds the backends whose Service changed, or the policies of which may
// have.
func (r *round) dueBackends() {
	for change := range r.touched {
		if change.Kind != world.KindService && change.Kind != world.KindEndpoints {
			continue
		}
		for spec := range r.ofService.Of(change.Key) {
			r.due[spec] = true
		}
	}
	if !r.reframed {
		return
	}
	for spec, entry := range r.backends {
		if r.all || entry.tls != nil || len(r.tls[spec.service]) > 0 {
			r.due[spec] = true
		}
	}
}

// resolveBackend makes a backend, or takes it as it was where it would be the same.
func (r *round) resolveBackend(spec backendSpec, old *backendEntry) *backendEntry {
	secured := r.clientTLS(spec)
	own, mine := r.settings.Own[spec.service]
	if mine {
		secured = nil
	}
	backend := &gateway.Backend{
		ID: spec.id(), Namespace: spec.service.Namespace, Service: spec.service.Name, Port: int(spec.port),
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
	if old != nil && old.tls == secured && old.made.Protocol == backend.Protocol && slices.Equal(old.made.Endpoints, backend.Endpoints) {
		return old
	}
	return &backendEntry{tls: secured, made: backend}
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
