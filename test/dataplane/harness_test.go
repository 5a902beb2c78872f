package dataplane

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/fair"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/listen"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a client of the tests waits for what must happen.
const patience = time.Minute

// socket is where the listeners of the tests are; the real one is on loopback.
var socket = netip.MustParseAddrPort("10.0.0.1:80")

// fronts are both: what is promised holds for each.
func fronts(t *testing.T, test func(t *testing.T, own bool)) {
	t.Helper()
	for name, own := range map[string]bool{"NetHTTP": false, "Own": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, own)
		})
	}
}

// options of a plane; zero values have the product's defaults.
type options struct {
	own   bool
	clock clock.WithTickerAndDelayedExecution
	sock  listen.Options
	proxy []proxy.Option
}

// plane is a data plane.
type plane struct {
	t          testing.TB
	authorizer *authn.Authorizer
	limiter    *limit.Limiter
	fair       *fair.Fair
	transport  *upstream.Transport
	proxy      *proxy.Proxy
	sockets    *listen.Sockets
}

// open joins the parts as internal/app/gateways does.
func open(t testing.TB, c *gateway.Config, o options) *plane {
	t.Helper()
	if o.clock == nil {
		o.clock = clock.RealClock{}
	}
	p := &plane{
		t: t, authorizer: authn.New(context.Background(), o.clock, slog.New(slog.DiscardHandler), nil),
		limiter: limit.New(o.clock), fair: fair.New(clock.RealClock{}), transport: upstream.New(upstream.Options{}),
	}
	p.proxy = proxy.New(p.transport, append([]proxy.Option{
		proxy.WithAuthorizer(p.authorizer), proxy.WithLimiter(p.limiter), proxy.WithFairness(p.fair), proxy.WithClock(o.clock),
	}, o.proxy...)...)
	o.sock.OwnFront = func([]*gateway.Listener) bool { return o.own }
	o.sock.Listen = func(ctx context.Context, network, _ string) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, network, "127.0.0.1:0")
	}
	o.sock.DrainTimeout = time.Second
	p.sockets = listen.New(p.proxy, o.sock)
	t.Cleanup(func() {
		p.sockets.Close()
		p.proxy.Close()
		p.transport.Close()
		p.authorizer.Close()
		p.limiter.Close()
	})
	p.apply(c)
	return p
}

func (p *plane) apply(c *gateway.Config) {
	p.t.Helper()
	p.authorizer.Update(c)
	p.limiter.Update(c)
	p.fair.Update(c)
	p.transport.Update(c.Backends)
	if err := errors.Join(p.proxy.Apply(c), p.sockets.Apply(context.Background(), c)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plane) address() string { return p.sockets.Addr(socket).String() }

// dial connects as a client that gives up in the end.
func (p *plane) dial() (net.Conn, *bufio.Reader) {
	p.t.Helper()
	nc, err := new(net.Dialer).DialContext(p.t.Context(), "tcp", p.address())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	return nc, bufio.NewReader(nc)
}

// answer is what of an answer tests look at.
type answer struct {
	status int
	header http.Header
	body   string
}

// get sends a request whose fields are "Name: value".
func (p *plane) get(client *http.Client, path string, fields ...string) (answer, error) {
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.address()+path, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Add(name, value)
	}
	res, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}, err
}

// client has connections of its own.
func client(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// marked is what answers of backends carry, and the gateway's own do not: the target
// that the backend was asked for.
const marked = "X-Asked-For"

// recorder is a backend that remembers what it was asked for.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func record(t testing.TB) *recorder {
	t.Helper()
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.seen = append(r.seen, request.RequestURI)
		r.mu.Unlock()
		w.Header().Set(marked, request.RequestURI)
		body, _ := io.ReadAll(request.Body) // what there is of it
		_, _ = w.Write(body)                // a client that is gone needs nothing
	}))
	t.Cleanup(r.Close)
	return r
}

// asked counts the requests for a target.
func (r *recorder) asked(target string) (times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, each := range r.seen {
		if each == target {
			times++
		}
	}
	return times
}

// backend is a Backend whose endpoint is a server of the test.
func backend(id string, servers ...*httptest.Server) *gateway.Backend {
	b := &gateway.Backend{ID: id, Protocol: gateway.HTTP1}
	for _, s := range servers {
		b.Endpoints = append(b.Endpoints, gateway.Endpoint{Address: netip.MustParseAddrPort(s.Listener.Addr().String())})
	}
	return b
}

// rule sends what matches to a backend.
func rule(prefix, id string) gateway.Rule {
	r := gateway.Rule{Name: prefix, Matches: []gateway.Match{{Path: gateway.PathMatch{Prefix: prefix}}}}
	if id != "" {
		r.Backends = []gateway.Weighted{{Backend: id, Weight: 1}}
	}
	return r
}

// config has one listener with one route.
func config(backends []*gateway.Backend, rules ...gateway.Rule) *gateway.Config {
	c := &gateway.Config{
		Listeners: []gateway.Listener{{
			Name: "apis/gw/http", Gateway: "apis/gw", Cluster: "apis", Address: socket, Protocol: gateway.HTTP,
			Routes: []*gateway.Route{{Kind: gateway.HTTPRoute, Namespace: "apis", Name: "route", Rules: rules}},
		}},
		Backends:       map[string]*gateway.Backend{},
		Authorizations: map[string]*gateway.Authorization{}, RateLimits: map[string]*gateway.RateLimit{},
		Tenants: map[string]gateway.Tenant{"shop": {Name: "shop", BusinessUnit: "retail"}},
	}
	for _, b := range backends {
		c.Backends[b.ID] = b
	}
	return c
}
