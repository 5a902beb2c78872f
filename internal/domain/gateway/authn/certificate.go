package authn

import (
	"crypto/tls"
	"crypto/x509"
	"hash/maphash"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// certificates remembers who the holders of client certificates are, by
// connection: each has its own copy of the certificate.
type certificates struct {
	seed  maphash.Seed
	slots [1024]atomic.Pointer[holder]
}

type holder struct {
	leaf *x509.Certificate
	when uint64 // the tenants' generation
	who  *gateway.Identity
}

// verified is the client's certificate, or nil where it showed none that the
// listener's authorities vouch for.
func verified(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return nil
	}
	return state.VerifiedChains[0][0]
}

// identify says who holds the certificate; nil for a name that is none.
func (c *certificates) identify(leaf *x509.Certificate, g *gate) *gateway.Identity {
	slot := &c.slots[maphash.Comparable(c.seed, leaf)%uint64(len(c.slots))]
	if known := slot.Load(); known != nil && known.leaf == leaf && known.when == g.when {
		return known.who
	}
	made := &holder{leaf: leaf, when: g.when, who: holderOf(leaf, g)}
	slot.Store(made)
	return made.who
}

func holderOf(leaf *x509.Certificate, g *gate) *gateway.Identity {
	made := &gateway.Identity{Kind: gateway.Certificate, Expires: leaf.NotAfter}
	switch {
	case len(leaf.URIs) > 0:
		made.Subject = leaf.URIs[0].String()
		made.Namespace = spiffeNamespace(leaf.URIs[0])
	case len(leaf.DNSNames) > 0:
		made.Subject = leaf.DNSNames[0]
	}
	if made.Subject == "" {
		return nil
	}
	made.Client = made.Subject
	tenant := g.config.Tenants[made.Namespace]
	made.Tenant, made.BusinessUnit = tenant.Name, tenant.BusinessUnit
	return made
}

// spiffeNamespace is the namespace of spiffe://DOMAIN/ns/NAMESPACE/sa/NAME, or "".
func spiffeNamespace(id *url.URL) string {
	parts := strings.Split(id.Path, "/")
	whole := id.Scheme == "spiffe" && id.Host != "" && id.User == nil && id.RawQuery == "" && id.Fragment == ""
	if !whole || len(parts) != 5 || parts[0] != "" || parts[1] != "ns" || parts[3] != "sa" || parts[2] == "" || parts[4] == "" {
		return ""
	}
	return parts[2]
}
