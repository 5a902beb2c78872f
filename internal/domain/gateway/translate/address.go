package translate

import (
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/address"
)

// assignAddresses gives every Gateway what it asks for.
func (r *round) assignAddresses() {
	claims := make([]*address.Claim, len(r.ordered))
	for i, g := range r.ordered {
		claims[i] = &address.Claim{Gateway: g.key, Object: g.object, Ports: r.portsOf(g)}
	}
	address.Assign(r.settings.Addresses, claims)
	for i, g := range r.ordered {
		g.addresses, g.unsupported = claims[i].Given, claims[i].Unsupported
		if claims[i].Reason != "" {
			g.address.Add(string(claims[i].Reason), claims[i].Message)
		}
	}
}

// portsOf are the ports that a Gateway's listeners need.
func (r *round) portsOf(g *gatewayState) []uint16 {
	var ports []uint16
	for _, l := range g.all() {
		if l.accepted == nil && l.conflict == nil {
			ports = append(ports, r.settings.Port(l.spec.Port))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
