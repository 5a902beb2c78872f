package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// verified returns the connection's state with the chains of a client
// certificate that the listener asked for but did not demand: the handshake has
// not verified it, for a bad one is no reason to refuse the connection. Without
// a valid one the state has no chain.
func verified(state *tls.ConnectionState, by *gateway.ServerTLS, now time.Time) *tls.ConnectionState {
	if by == nil || by.ClientCAs == nil || len(state.PeerCertificates) == 0 || len(state.VerifiedChains) > 0 {
		return state
	}
	options := x509.VerifyOptions{
		Roots: by.ClientCAs, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, certificate := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(certificate)
	}
	chains, err := state.PeerCertificates[0].Verify(options)
	if err != nil {
		return state
	}
	twin := *state
	twin.VerifiedChains = chains
	return &twin
}
