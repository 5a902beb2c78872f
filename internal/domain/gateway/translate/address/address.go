// Package address gives Gateways their addresses: first those that name some, then
// those that have one already, then the rest, each by age. Two Gateways never have the
// same port of an address.
package address

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// Address is one that Gateways can have.
type Address struct {
	// Bind is what to listen on.
	Bind netip.Addr
	// Public is what callers use, an IP address or a host name, where it differs.
	Public string
}

// String is what callers use.
func (a Address) String() string {
	if a.Public != "" {
		return a.Public
	}
	return a.Bind.String()
}

// Claim is what a Gateway asks for, and after Assign what it gets.
type Claim struct {
	// Gateway is whose claim it is, and Object what it says.
	Gateway world.Key
	Object  *gatewayv1.Gateway
	// Ports that it needs.
	Ports []uint16

	// Given are its addresses; none where one of the others is set.
	Given []Address
	// Unsupported says which address can never be.
	Unsupported string
	// Reason and Message say why it has none.
	Reason  gatewayv1.GatewayConditionReason
	Message string
}

// taken says which Gateway has which port of which address.
type taken map[netip.AddrPort]world.Key

// Assign gives addresses of the pool to claims, which are sorted by age.
func Assign(pool []Address, claims []*Claim) {
	held := taken{}
	var rest []*Claim
	for _, c := range claims {
		if wanted := c.wanted(); len(wanted) > 0 {
			held.static(pool, c, wanted)
		}
	}
	for _, c := range claims {
		if len(c.wanted()) == 0 && !held.keep(pool, c) {
			rest = append(rest, c)
		}
	}
	for _, c := range rest {
		held.dynamic(pool, c)
	}
}

// wanted are the addresses that a Gateway names.
func (c *Claim) wanted() []gatewayv1.GatewaySpecAddress {
	var named []gatewayv1.GatewaySpecAddress
	for _, address := range c.Object.Spec.Addresses {
		if address.Value != "" || kindOf(address) != gatewayv1.IPAddressType {
			named = append(named, address)
		}
	}
	return named
}

func kindOf(address gatewayv1.GatewaySpecAddress) gatewayv1.AddressType {
	if address.Type == nil {
		return gatewayv1.IPAddressType
	}
	return *address.Type
}

// free says whether a Gateway can have its ports at an address; else who has one.
func (t taken) free(c *Claim, at Address) (holder world.Key, ok bool) {
	for _, port := range c.Ports {
		if holder, has := t[netip.AddrPortFrom(at.Bind, port)]; has && holder != c.Gateway {
			return holder, false
		}
	}
	return world.Key{}, true
}

func (t taken) take(c *Claim, at Address) {
	c.Given = append(c.Given, at)
	for _, port := range c.Ports {
		t[netip.AddrPortFrom(at.Bind, port)] = c.Gateway
	}
}

// lonely says whether nobody has any port of an address.
func (t taken) lonely(at Address) bool {
	for each := range t {
		if each.Addr() == at.Bind {
			return false
		}
	}
	return true
}

func (c *Claim) none(reason gatewayv1.GatewayConditionReason, message string) {
	c.Given, c.Reason, c.Message = nil, reason, message
}

func (t taken) static(pool []Address, c *Claim, wanted []gatewayv1.GatewaySpecAddress) {
	for _, address := range wanted {
		if kind := kindOf(address); kind != gatewayv1.IPAddressType && kind != gatewayv1.HostnameAddressType {
			c.Unsupported = fmt.Sprintf("Addresses of type %q are not known here: use IPAddress or Hostname.", kind)
			return
		}
	}
	for _, address := range wanted {
		at := slices.IndexFunc(pool, func(a Address) bool {
			return strings.EqualFold(a.String(), address.Value) || a.Bind.String() == address.Value
		})
		if at < 0 {
			c.none(gatewayv1.GatewayReasonAddressNotUsable, fmt.Sprintf("Address %q is none of this gateway's: name one that it has, or none.", address.Value))
			return
		}
		if holder, ok := t.free(c, pool[at]); !ok {
			c.none(gatewayv1.GatewayReasonAddressNotUsable, fmt.Sprintf("A port of this Gateway at address %q is Gateway %q's: use other ports or another address.", address.Value, holder))
			return
		}
		t.take(c, pool[at])
	}
}

// keep leaves a Gateway with the address in its status.
func (t taken) keep(pool []Address, c *Claim) bool {
	if len(c.Object.Status.Addresses) == 0 {
		return false
	}
	at := slices.IndexFunc(pool, func(a Address) bool { return a.String() == c.Object.Status.Addresses[0].Value })
	if at < 0 {
		return false
	}
	_, ok := t.free(c, pool[at])
	if ok {
		t.take(c, pool[at])
	}
	return ok
}

func (t taken) dynamic(pool []Address, c *Claim) {
	for _, own := range []bool{true, false} {
		for _, address := range pool {
			if own && !t.lonely(address) {
				continue
			}
			if _, ok := t.free(c, address); ok {
				t.take(c, address)
				return
			}
		}
	}
	c.none(gatewayv1.GatewayReasonAddressNotAssigned, "All addresses of this gateway have a port of this Gateway in use: use other ports, delete a Gateway, or give the gateway another address.")
}
