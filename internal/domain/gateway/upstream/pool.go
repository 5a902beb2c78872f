package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// pool keeps the connections to one endpoint.
type pool struct {
	options  *Options
	endpoint netip.AddrPort
	address  string // of the endpoint
	backend  atomic.Pointer[gateway.Backend]
	tls      *tls.Config     // nil for plain text
	h2       *http.Transport // nil for HTTP/1.1

	mu       sync.Mutex
	idle     []*conn // the last one was used last
	draining bool
}

func newPool(options *Options, backend *gateway.Backend, endpoint netip.AddrPort) *pool {
	p := &pool{options: options, endpoint: endpoint, address: endpoint.String()}
	p.backend.Store(backend)
	if backend.TLS != nil {
		p.tls = tlsConfig(backend.TLS, options)
	}
	if backend.Protocol == gateway.H2 || backend.Protocol == gateway.H2C {
		p.h2 = p.newH2()
	}
	return p
}

// serves tells whether the connections are good for the backend as it is now.
func (p *pool) serves(backend *gateway.Backend) bool {
	mine := p.backend.Load()
	return mine == backend || (mine.Protocol == backend.Protocol && sameTLS(mine.TLS, backend.TLS))
}

func sameTLS(a, b *gateway.ClientTLS) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	return a.ServerName == b.ServerName && slices.Equal(a.SubjectAltNames, b.SubjectAltNames) &&
		sameRoots(a.Roots, b.Roots) && sameCertificate(a.Certificate, b.Certificate)
}

func sameRoots(a, b *x509.CertPool) bool {
	return a == b || (a != nil && b != nil && a.Equal(b))
}

func sameCertificate(a, b *tls.Certificate) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	return slices.EqualFunc(a.Certificate, b.Certificate, bytes.Equal)
}

// get returns the connection that was used last, or a new one.
func (p *pool) get(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	if last := len(p.idle) - 1; last >= 0 {
		c := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.dial(ctx)
}

// put keeps a connection for the next exchange.
func (p *pool) put(c *conn) {
	c.idleSince = p.options.Clock.Now()
	p.mu.Lock()
	keep := !p.draining && len(p.idle) < p.options.MaxIdle
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		c.close()
	}
}

// drain lets nothing be kept any more.
func (p *pool) drain() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.draining = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
	if p.h2 != nil {
		p.h2.CloseIdleConnections()
	}
}

// closeIdle closes what was not used since then.
func (p *pool) closeIdle(since time.Time) {
	p.mu.Lock()
	old := 0
	for old < len(p.idle) && p.idle[old].idleSince.Before(since) {
		old++
	}
	closing := slices.Clone(p.idle[:old])
	p.idle = slices.Delete(p.idle, 0, old)
	p.mu.Unlock()
	for _, c := range closing {
		c.close()
	}
}

// dial connects. What fails here has not reached the endpoint.
func (p *pool) dial(ctx context.Context) (*conn, error) {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, p.options.DialTimeout)
	defer cancel()
	nc, err := p.options.Dial(ctx, "tcp", p.address)
	if err != nil {
		return nil, &Error{p.dialKind(whole, err), p.endpoint, err}
	}
	if p.tls == nil {
		return newConn(p, nc, nc), nil
	}
	secure := tls.Client(nc, p.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // the handshake's error says more
		return nil, &Error{p.dialKind(whole, err), p.endpoint, err}
	}
	return newConn(p, secure, nc), nil
}

// dialKind tells an endpoint that is not there from one that is not who it must
// be, and both from a caller that has no time left.
func (p *pool) dialKind(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return kindOf(ctx.Err())
	case isTLS(err):
		return ErrTLS
	}
	return ErrDial
}

// isTLS tells whether an endpoint could not be verified.
func isTLS(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	return unverified || alert || noTLS || errors.Is(err, errUnverified) ||
		errors.Is(err, errNoName) || errors.Is(err, errNoCertificate)
}

// tlsConfig verifies as BackendTLSPolicy says.
func tlsConfig(from *gateway.ClientTLS, options *Options) *tls.Config {
	config := &tls.Config{
		ServerName: from.ServerName,
		RootCAs:    from.Roots,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		Time:       options.Clock.Now,
	}
	if from.Certificate != nil {
		config.Certificates = []tls.Certificate{*from.Certificate}
	}
	if len(from.SubjectAltNames) > 0 {
		// The library verifies the name that it sends; here it is another, so
		// the whole of the verification is ours.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return verify(state, from, options)
		}
	}
	return config
}

var (
	errUnverified    = errors.New("the certificate does not lead to the roots")
	errNoName        = errors.New("the certificate has none of the names that the policy lists")
	errNoCertificate = errors.New("the endpoint presents no certificate")
)

// verify holds a chain to the roots and the leaf to one of the names.
func verify(state tls.ConnectionState, by *gateway.ClientTLS, options *Options) error {
	if len(state.PeerCertificates) == 0 {
		return errNoCertificate
	}
	leaf, between := state.PeerCertificates[0], x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		between.AddCert(certificate)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: by.Roots, Intermediates: between, CurrentTime: options.Clock.Now(),
	}); err != nil {
		return fmt.Errorf("%w: %w", errUnverified, err)
	}
	for _, name := range by.SubjectAltNames {
		if leaf.VerifyHostname(name) == nil || hasURI(leaf, name) {
			return nil
		}
	}
	return errNoName
}

func hasURI(leaf *x509.Certificate, name string) bool {
	for _, uri := range leaf.URIs {
		if uri.String() == name {
			return true
		}
	}
	return false
}
