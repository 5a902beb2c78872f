package translate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// claims says which Gateway has which port of which address.
type claims map[netip.AddrPort]Key

// free says whether a Gateway can have its ports at an address; else who has one.
func (c claims) free(g *gatewayState, at Address, ports []uint16) (holder Key, ok bool) {
	for _, port := range ports {
		if holder, taken := c[netip.AddrPortFrom(at.Bind, port)]; taken && holder != g.key {
			return holder, false
		}
	}
	return Key{}, true
}

func (c claims) take(g *gatewayState, at Address, ports []uint16) {
	g.addresses = append(g.addresses, at)
	for _, port := range ports {
		c[netip.AddrPortFrom(at.Bind, port)] = g.key
	}
}

// lonely says whether nobody has any port of an address.
func (c claims) lonely(at Address) bool {
	for taken := range c {
		if taken.Addr() == at.Bind {
			return false
		}
	}
	return true
}

// assignAddresses gives every Gateway what it asks for: first those that name
// addresses, then those that have one already, then the rest, each by age.
func (r *round) assignAddresses() {
	taken := claims{}
	var rest []*gatewayState
	for _, g := range r.ordered {
		if wanted := g.wanted(); len(wanted) > 0 {
			r.assignStatic(g, wanted, taken)
		}
	}
	for _, g := range r.ordered {
		if len(g.wanted()) == 0 && !r.keepAddress(g, taken) {
			rest = append(rest, g)
		}
	}
	for _, g := range rest {
		r.assignDynamic(g, taken)
	}
}

// wanted are the addresses that a Gateway names.
func (g *gatewayState) wanted() []gatewayv1.GatewaySpecAddress {
	var named []gatewayv1.GatewaySpecAddress
	for _, address := range g.object.Spec.Addresses {
		if address.Value != "" || text(address.Type, string(gatewayv1.IPAddressType)) != string(gatewayv1.IPAddressType) {
			named = append(named, address)
		}
	}
	return named
}

func (r *round) assignStatic(g *gatewayState, wanted []gatewayv1.GatewaySpecAddress, taken claims) {
	for _, address := range wanted {
		kind := text(address.Type, string(gatewayv1.IPAddressType))
		if kind != string(gatewayv1.IPAddressType) && kind != string(gatewayv1.HostnameAddressType) {
			g.unsupported = fmt.Sprintf("Addresses of type %q are not known here: use IPAddress or Hostname.", kind)
		}
	}
	if g.unsupported != "" {
		return
	}
	ports := r.portsOf(g)
	for _, address := range wanted {
		at := slices.IndexFunc(r.settings.Addresses, func(a Address) bool {
			return strings.EqualFold(a.public(), address.Value) || a.Bind.String() == address.Value
		})
		if at < 0 {
			g.unassigned(gatewayv1.GatewayReasonAddressNotUsable, fmt.Sprintf("Address %q is none of this gateway's: name one that it has, or none.", address.Value))
			return
		}
		if holder, ok := taken.free(g, r.settings.Addresses[at], ports); !ok {
			g.unassigned(gatewayv1.GatewayReasonAddressNotUsable, fmt.Sprintf("A port of this Gateway at address %q is Gateway %q's: use other ports or another address.", address.Value, holder))
			return
		}
		taken.take(g, r.settings.Addresses[at], ports)
	}
}

// keepAddress leaves a Gateway with the address in its status.
func (r *round) keepAddress(g *gatewayState, taken claims) bool {
	if len(g.object.Status.Addresses) == 0 {
		return false
	}
	had := g.object.Status.Addresses[0].Value
	at := slices.IndexFunc(r.settings.Addresses, func(a Address) bool { return a.public() == had })
	if at < 0 {
		return false
	}
	ports := r.portsOf(g)
	if _, ok := taken.free(g, r.settings.Addresses[at], ports); !ok {
		return false
	}
	taken.take(g, r.settings.Addresses[at], ports)
	return true
}

func (r *round) assignDynamic(g *gatewayState, taken claims) {
	ports := r.portsOf(g)
	for _, own := range []bool{true, false} {
		for _, address := range r.settings.Addresses {
			if own && !taken.lonely(address) {
				continue
			}
			if _, ok := taken.free(g, address, ports); ok {
				taken.take(g, address, ports)
				return
			}
		}
	}
	g.unassigned(gatewayv1.GatewayReasonAddressNotAssigned, "All addresses of this gateway have a port of this Gateway in use: use other ports, delete a Gateway, or give the gateway another address.")
}

func (g *gatewayState) unassigned(reason gatewayv1.GatewayConditionReason, message string) {
	g.addresses = nil
	g.address.add(string(reason), message)
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
