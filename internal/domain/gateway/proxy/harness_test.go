package proxy_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var socket = netip.MustParseAddrPort("10.0.0.1:80")

// backendAt is a backend whose endpoint is a server of the test.
func backendAt(id string, servers ...*httptest.Server) *gateway.Backend {
	b := &gateway.Backend{ID: id, Protocol: gateway.HTTP1}
	for _, s := range servers {
		b.Endpoints = append(b.Endpoints, gateway.Endpoint{Address: netip.MustParseAddrPort(s.Listener.Addr().String())})
	}
	return b
}

// echo answers with what it was asked.
func echo(t *testing.T, name string) *httptest.Server {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Backend", name)
		w.Header().Set("Got-Path", r.RequestURI)
		w.Header().Set("Got-Host", r.Host)
		for key, values := range r.Header {
			w.Header().Set("Got-"+key, strings.Join(values, ","))
		}
		_, _ = io.Copy(w, r.Body) // a client that is gone needs nothing
	})
}

func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s
}

func rule(match gateway.Match, backends ...string) gateway.Rule {
	r := gateway.Rule{Name: "rule", Matches: []gateway.Match{match}}
	for _, id := range backends {
		r.Backends = append(r.Backends, gateway.Weighted{Backend: id, Weight: 1})
	}
	return r
}

func prefix(path string) gateway.Match {
	return gateway.Match{Path: gateway.PathMatch{Prefix: path}}
}

func route(rules ...gateway.Rule) *gateway.Route {
	return &gateway.Route{Kind: gateway.HTTPRoute, Namespace: "default", Name: "route", Rules: rules}
}

func config(backends []*gateway.Backend, routes ...*gateway.Route) *gateway.Config {
	c := &gateway.Config{
		Listeners: []gateway.Listener{{Name: "default/gw/http", Address: socket, Protocol: gateway.HTTP, Routes: routes}},
		Backends:  map[string]*gateway.Backend{},
	}
	for _, b := range backends {
		c.Backends[b.ID] = b
	}
	return c
}

// gate is a proxy behind a server of net/http.
type gate struct {
	*proxy.Proxy
	server *httptest.Server
	client *http.Client
}

func open(t *testing.T, c *gateway.Config, options ...proxy.Option) *gate {
	t.Helper()
	transport := upstream.New(upstream.Options{})
	p := proxy.New(transport, options...)
	if err := p.Apply(c); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	g := &gate{Proxy: p, server: httptest.NewUnstartedServer(p.Handler(socket))}
	g.server.Config.Protocols = new(http.Protocols)
	g.server.Config.Protocols.SetHTTP1(true)
	g.server.Config.Protocols.SetUnencryptedHTTP2(true)
	g.server.Start()
	g.client = &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		g.client.CloseIdleConnections()
		g.server.Close()
		p.Close()
		transport.Close()
	})
	return g
}

// answer is what of an answer tests look at.
type answer struct {
	StatusCode int
	Header     http.Header
}

// ask sends a request whose fields are "Name: value" and returns answer and body.
func (g *gate) ask(t *testing.T, method, url, body string, fields ...string) (answer, string) {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, g.server.URL+url, reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	return g.send(t, r)
}

func (g *gate) send(t *testing.T, r *http.Request) (answer, string) {
	t.Helper()
	res, err := g.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return answer{res.StatusCode, res.Header}, string(text)
}

// guard is an Authorizer, Limiter, Fairness and Observer of the test's making.
type guard struct {
	identity *gateway.Identity
	refusal  *exchange.Refusal
	decision exchange.Decision
	full     error
	done     chan exchange.Exchange
}

func (g *guard) Authorize(context.Context, *exchange.Exchange, []*gateway.Authorization) (*gateway.Identity, *exchange.Refusal) {
	return g.identity, g.refusal
}

func (g *guard) Take(context.Context, *exchange.LimitRequest) exchange.Decision { return g.decision }

func (g *guard) Enter(context.Context, string, string) (exchange.Pass, error) {
	return proxy.Unfair{}, g.full
}

func (g *guard) Start(*exchange.Exchange) {}

func (g *guard) Done(x *exchange.Exchange) {
	select {
	case g.done <- exchange.Exchange{Status: x.Status, Flag: x.Flag, Attempts: x.Attempts, Reason: strings.Clone(x.Reason)}:
	default:
	}
}

func (g *guard) options() []proxy.Option {
	g.done = make(chan exchange.Exchange, 100)
	return []proxy.Option{proxy.WithAuthorizer(g), proxy.WithLimiter(g), proxy.WithFairness(g), proxy.WithObserver(g)}
}

func (g *guard) last(t *testing.T) exchange.Exchange {
	t.Helper()
	select {
	case x := <-g.done:
		return x
	case <-time.After(time.Minute):
		t.Fatal("the observer was not told")
	}
	return exchange.Exchange{}
}
