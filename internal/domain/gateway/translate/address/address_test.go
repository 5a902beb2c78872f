package address

import (
	"net/netip"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

func TestAssign(t *testing.T) {
	t.Parallel()
	pool := []Address{{Bind: netip.MustParseAddr("127.0.0.1")}, {Bind: netip.MustParseAddr("127.0.0.2"), Public: "gw.example.com"}}
	claim := func(name, asks, had string, ports ...uint16) *Claim {
		c := &Claim{Gateway: world.Key{Name: name}, Object: &gatewayv1.Gateway{}, Ports: ports}
		if asks != "" {
			c.Object.Spec.Addresses = []gatewayv1.GatewaySpecAddress{{Value: asks}}
		}
		if had != "" {
			c.Object.Status.Addresses = []gatewayv1.GatewayStatusAddress{{Value: had}}
		}
		return c
	}
	for _, test := range []struct {
		name, reason string
		claims       []*Claim
		want         []string
	}{
		{"each its own", "there are enough", []*Claim{claim("a", "", "", 80), claim("b", "", "", 80)}, []string{"127.0.0.1", "gw.example.com"}},
		{"names first", "the older one asks for none", []*Claim{claim("a", "", "", 80), claim("b", "127.0.0.1", "", 80)}, []string{"gw.example.com", "127.0.0.1"}},
		{"kept", "an address in a status is kept", []*Claim{claim("a", "", "gw.example.com", 80)}, []string{"gw.example.com"}},
		{"shared", "other ports of an address are free", []*Claim{claim("a", "", "", 80), claim("b", "", "", 80), claim("c", "", "", 81)}, []string{"127.0.0.1", "gw.example.com", "127.0.0.1"}},
		{"none left", "every address has the port in use", []*Claim{claim("a", "", "", 80), claim("b", "", "", 80), claim("c", "", "", 80)}, []string{"127.0.0.1", "gw.example.com", "AddressNotAssigned"}},
		{"foreign", "the address is none of ours", []*Claim{claim("a", "192.0.2.1", "", 80)}, []string{"AddressNotUsable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			Assign(pool, test.claims)
			for i, c := range test.claims {
				got := string(c.Reason)
				if len(c.Given) > 0 {
					got = c.Given[0].String()
				}
				if got != test.want[i] {
					t.Errorf("%s gets %s, want %s: %s", c.Gateway.Name, got, test.want[i], test.reason)
				}
			}
		})
	}
}
