package listen_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/listen"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	plain  = netip.MustParseAddrPort("10.0.0.1:80")
	secure = netip.MustParseAddrPort("10.0.0.1:443")
)

// gate is a gateway whose sockets are on loopback, whatever the Config says.
type gate struct {
	proxy   *proxy.Proxy
	sockets *listen.Sockets
}

// seen lets requests with a client certificate pass.
type seen struct{}

func (seen) Authorize(_ context.Context, x *exchange.Exchange, _ []*gateway.Authorization) (*gateway.Identity, *exchange.Refusal) {
	if state := x.Request.TLS; state != nil && len(state.VerifiedChains) > 0 {
		return nil, nil
	}
	return nil, &exchange.Refusal{Status: 401, Detail: "no certificate"}
}

func open(t *testing.T, options listen.Options) *gate {
	t.Helper()
	transport := upstream.New(upstream.Options{})
	g := &gate{proxy: proxy.New(transport, proxy.WithAuthorizer(seen{}))}
	options.Listen = func(ctx context.Context, network, _ string) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, network, "127.0.0.1:0")
	}
	g.sockets = listen.New(g.proxy, options)
	t.Cleanup(func() {
		g.sockets.Close()
		g.proxy.Close()
		transport.Close()
	})
	return g
}

func (g *gate) apply(t *testing.T, listeners ...gateway.Listener) {
	t.Helper()
	c := &gateway.Config{Listeners: listeners, Authorizations: map[string]*gateway.Authorization{"default/cert": {Name: "default/cert"}}}
	if err := g.proxy.Apply(c); err != nil {
		t.Fatal(err)
	}
	if err := g.sockets.Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// listener redirects, so that no backend is needed.
func listener(address netip.AddrPort, host string, by *gateway.ServerTLS) gateway.Listener {
	l := gateway.Listener{Name: "default/gw/" + host, Address: address, Hostname: host, Protocol: gateway.HTTP, TLS: by}
	if by != nil {
		l.Protocol = gateway.HTTPS
	}
	all := gateway.Rule{Matches: []gateway.Match{{}}, Filters: gateway.Filters{Redirect: &gateway.Redirect{Hostname: "to-" + strings.Trim(host, "*.")}}}
	guarded := all
	guarded.Matches = []gateway.Match{{Path: gateway.PathMatch{Prefix: "/guarded"}}}
	guarded.Filters.Authorization = []string{"default/cert"}
	l.Routes = []*gateway.Route{{Kind: gateway.HTTPRoute, Namespace: "default", Name: "r", Rules: []gateway.Rule{all, guarded}}}
	return l
}

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	made := a.sign(t, "authority")
	a.cert = made.Leaf
	a.pool.AddCert(a.cert)
	return a
}

// sign makes a certificate, the authority's own first.
func (a *authority) sign(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
		parent, signer, a.key = template, key, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// dial connects to a socket, with TLS where a config is given.
func (g *gate) dial(t *testing.T, address netip.AddrPort, config *tls.Config) (net.Conn, error) {
	t.Helper()
	nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.sockets.Addr(address).String())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	if config == nil {
		return nc, nil
	}
	secured := tls.Client(nc, config)
	return secured, secured.HandshakeContext(t.Context())
}

// answer is what of an answer tests look at.
type answer struct {
	StatusCode int
	Header     http.Header
}

// ask sends a request over a connection.
func ask(t *testing.T, nc net.Conn, host, path string) answer {
	t.Helper()
	if _, err := fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return answer{res.StatusCode, res.Header}
}

func TestListenersComeAndGo(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"NetHTTP": false, "OwnFront": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, listen.Options{OwnFront: func([]*gateway.Listener) bool { return own }})
			if g.sockets.Ready() || g.sockets.Addr(plain) != nil {
				t.Fatal("ready before the first Config")
			}
			g.apply(t, listener(plain, "a.example.com", nil))
			nc, err := g.dial(t, plain, nil)
			if err != nil || !g.sockets.Ready() {
				t.Fatalf("dial: %v", err)
			}
			if res := ask(t, nc, "a.example.com", "/"); res.Header.Get("Location") != "http://to-a.example.com/" {
				t.Errorf("Location %q", res.Header.Get("Location"))
			}
			if res := ask(t, nc, "b.example.com", "/"); res.StatusCode != http.StatusNotFound {
				t.Errorf("a host that no listener has: %d", res.StatusCode)
			}
			before := g.sockets.Addr(plain)
			g.apply(t, listener(plain, "a.example.com", nil), listener(plain, "*.example.com", nil))
			if g.sockets.Addr(plain) != before {
				t.Error("another listener opened another socket")
			}
			if res := ask(t, nc, "b.example.com", "/"); res.Header.Get("Location") != "http://to-example.com/" {
				t.Errorf("on the same connection: Location %q", res.Header.Get("Location"))
			}
			g.apply(t)
			if _, err := nc.Read(make([]byte, 1)); err == nil {
				t.Error("the connection of a socket that is gone goes on")
			}
			if g.sockets.Addr(plain) != nil {
				t.Error("the socket is still open")
			}
		})
	}
}

func TestServerNames(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	a := &gateway.ServerTLS{Certificates: []tls.Certificate{ca.sign(t, "a.example.com")}}
	wild := &gateway.ServerTLS{Certificates: []tls.Certificate{ca.sign(t, "*.wild.com")}}
	for name, own := range map[string]bool{"NetHTTP": false, "OwnFront": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, listen.Options{OwnFront: func([]*gateway.Listener) bool { return own }})
			g.apply(t, listener(secure, "a.example.com", a), listener(secure, "*.wild.com", wild))
			nc, err := g.dial(t, secure, &tls.Config{RootCAs: ca.pool, ServerName: "a.example.com"})
			if err != nil {
				t.Fatal(err)
			}
			if res := ask(t, nc, "a.example.com", "/"); res.Header.Get("Location") != "https://to-a.example.com/" {
				t.Errorf("Location %q", res.Header.Get("Location"))
			}
			if res := ask(t, nc, "x.wild.com", "/"); res.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("another listener's host: %d, want 421", res.StatusCode)
			}
			if _, err := g.dial(t, secure, &tls.Config{RootCAs: ca.pool, ServerName: "x.wild.com"}); err != nil {
				t.Errorf("a name of the wildcard: %v", err)
			}
			if _, err := g.dial(t, secure, &tls.Config{RootCAs: ca.pool, ServerName: "other.com"}); err == nil {
				t.Error("a name that no listener has was shown a certificate")
			}
			renewed := &gateway.ServerTLS{Certificates: []tls.Certificate{ca.sign(t, "a.example.com")}}
			g.apply(t, listener(secure, "a.example.com", renewed))
			if res := ask(t, nc, "a.example.com", "/"); res.StatusCode != http.StatusFound {
				t.Errorf("the connection did not outlive its certificate: %d", res.StatusCode)
			}
			next, err := g.dial(t, secure, &tls.Config{RootCAs: ca.pool, ServerName: "a.example.com"})
			if err != nil {
				t.Fatal(err)
			}
			if shown := next.(*tls.Conn).ConnectionState().PeerCertificates[0]; !shown.Equal(renewed.Certificates[0].Leaf) {
				t.Error("the old certificate is still shown")
			}
			checkH2(t, g, ca)
		})
	}
}

func checkH2(t *testing.T, g *gate, ca *authority) {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: ca.pool, ServerName: "a.example.com"},
	}
	defer transport.CloseIdleConnections()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+g.sockets.Addr(secure).String()+"/", nil)
	r.Host = "a.example.com"
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 || res.StatusCode != http.StatusFound {
		t.Errorf("over ALPN: %s %d", res.Proto, res.StatusCode)
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	server := ca.sign(t, "a.example.com")
	good, bad := ca.sign(t, "client"), other.sign(t, "client")
	cases := map[string]struct {
		reason   string
		required bool
		client   *tls.Certificate
		status   int // 0: no connection
	}{
		"Asked":        {"a valid certificate is an identity", false, &good, 302},
		"AskedBad":     {"a bad certificate is no identity", false, &bad, 401},
		"AskedNone":    {"none is no identity", false, nil, 401},
		"Required":     {"a valid certificate is an identity", true, &good, 302},
		"RequiredBad":  {"a bad certificate is refused", true, &bad, 0},
		"RequiredNone": {"none is refused", true, nil, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, listen.Options{})
			g.apply(t, listener(secure, "a.example.com", &gateway.ServerTLS{
				Certificates: []tls.Certificate{server}, ClientCAs: ca.pool, RequireClient: tc.required,
			}))
			config := &tls.Config{RootCAs: ca.pool, ServerName: "a.example.com"}
			if tc.client != nil {
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return tc.client, nil }
			}
			nc, err := g.dial(t, secure, config)
			if err == nil && tc.status == 0 {
				_, err = nc.Read(make([]byte, 1)) // TLS 1.3 tells of it after the handshake
			}
			if (err != nil) != (tc.status == 0) {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if err != nil {
				return
			}
			if res := ask(t, nc, "a.example.com", "/guarded"); res.StatusCode != tc.status {
				t.Errorf("%s: %d, want %d", tc.reason, res.StatusCode, tc.status)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	g := open(t, listen.Options{MaxConnections: 1, HeadTimeout: time.Second})
	g.apply(t, listener(plain, "", nil))
	slow, err := g.dial(t, plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(slow, "GET / HT")
	waiting, err := g.dial(t, plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The second connection is served when the slow one was given up.
	if res := ask(t, waiting, "a", "/"); res.StatusCode != http.StatusFound {
		t.Errorf("behind a slow client: %d", res.StatusCode)
	}
	if rest, err := io.ReadAll(slow); err == nil && len(rest) > 0 && !strings.HasPrefix(string(rest), "HTTP/1.1 4") {
		t.Errorf("the slow client was answered %q", rest)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	g := open(t, listen.Options{})
	ca := newAuthority(t)
	mixed := &gateway.Config{Listeners: []gateway.Listener{
		listener(plain, "a", nil), listener(plain, "b", &gateway.ServerTLS{Certificates: []tls.Certificate{ca.sign(t, "b")}}),
	}}
	if err := g.sockets.Apply(t.Context(), mixed); err == nil || !strings.Contains(err.Error(), "shares 10.0.0.1:80") {
		t.Errorf("plain text and TLS at one address: %v", err)
	}
}
