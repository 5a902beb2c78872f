package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/fair"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/listen"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// loud is the tenant that calls too often; the others have numbers.
const loud = "loud"

func name(i int) string { return fmt.Sprintf("quiet-%02d", i) }

// newBackend starts a server with so many workers: what is beyond waits for one.
func newBackend() *httptest.Server {
	free := make(chan struct{}, workers)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		free <- struct{}{}
		<-time.After(service/2 + rand.N(service)) // the work
		<-free
		w.WriteHeader(http.StatusNoContent)
	}))
}

// gate is the gateway, joined as the product joins it.
type gate struct {
	address string
	close   func()
}

func newGateway(backend string) (*gate, error) {
	now := clock.RealClock{}
	c, err := config(backend)
	if err != nil {
		return nil, err
	}
	authorizer := authn.New(context.Background(), now, slog.New(slog.DiscardHandler), nil)
	limiter, transport := limit.New(now), upstream.New(upstream.Options{})
	p := proxy.New(transport, proxy.WithAuthorizer(authorizer), proxy.WithLimiter(limiter), proxy.WithFairness(fair.New(now)))
	sockets := listen.New(p, listen.Options{
		OwnFront: func([]*gateway.Listener) bool { return true }, DrainTimeout: time.Second,
		Listen: func(ctx context.Context, network, _ string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, network, "127.0.0.1:0")
		},
	})
	g := &gate{close: func() {
		sockets.Close()
		p.Close()
		transport.Close()
		authorizer.Close()
		limiter.Close()
	}}
	authorizer.Update(c)
	limiter.Update(c)
	transport.Update(c.Backends)
	if err := errors.Join(p.Apply(c), sockets.Apply(context.Background(), c)); err != nil {
		g.close()
		return nil, err
	}
	g.address = sockets.Addr(c.Listeners[0].Address).String()
	return g, nil
}

// config has one route, which every tenant calls with its API key.
func config(backend string) (*gateway.Config, error) {
	at, err := netip.ParseAddrPort(backend)
	if err != nil {
		return nil, err
	}
	const to = "apis/work:80"
	c := &gateway.Config{
		Backends:       map[string]*gateway.Backend{to: {ID: to, Protocol: gateway.HTTP1, Endpoints: []gateway.Endpoint{{Address: at}}}},
		Authorizations: map[string]*gateway.Authorization{"apis/keys": {Name: "apis/keys", APIKeys: true, RequireTenant: true}},
		Keys:           map[string]gateway.Client{}, Tenants: map[string]gateway.Tenant{},
	}
	tenants := []string{loud}
	for i := range quiet {
		tenants = append(tenants, name(i))
	}
	for _, tenant := range tenants {
		hash := sha256.Sum256([]byte(key(tenant)))
		c.Keys[hex.EncodeToString(hash[:])] = gateway.Client{ID: tenant + "/client", Tenant: tenant}
		c.Tenants[tenant] = gateway.Tenant{Name: tenant}
	}
	c.Listeners = []gateway.Listener{{
		Name: "apis/gw/http", Gateway: "apis/gw", Address: netip.MustParseAddrPort("10.0.0.1:80"), Protocol: gateway.HTTP,
		Routes: []*gateway.Route{{Kind: gateway.HTTPRoute, Namespace: "apis", Name: "work", Rules: []gateway.Rule{{
			Name: "0", Matches: []gateway.Match{{}}, Filters: gateway.Filters{Authorization: []string{"apis/keys"}},
			Backends: []gateway.Weighted{{Backend: to, Weight: 1}},
		}}}},
	}}
	return c, nil
}

func key(tenant string) string { return "the key of " + tenant }

// call has every tenant call at random times with its rate, whether it has its answers
// or not, and returns what they saw when all have theirs.
func call(ctx context.Context, address string, rates map[string]float64, duration time.Duration) outcomes {
	seen := outcomes{}
	var tenants sync.WaitGroup
	seed := uint64(0)
	for tenant, rate := range rates {
		one := &outcome{}
		seen[tenant], seed = one, seed+1
		random := rand.New(rand.NewPCG(seed, 1))
		tenants.Go(func() { one.fill(ctx, address, tenant, rate, duration, random) })
	}
	tenants.Wait()
	return seen
}

// fill calls for one tenant.
func (o *outcome) fill(ctx context.Context, address, tenant string, rate float64, duration time.Duration, random *rand.Rand) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	defer transport.CloseIdleConnections()
	var mu sync.Mutex // guards o
	var calls sync.WaitGroup
	began := time.Now()
	next := began
	for {
		next = next.Add(time.Duration(random.ExpFloat64() / rate * float64(time.Second)))
		if next.Sub(began) > warmUp+duration || ctx.Err() != nil {
			calls.Wait()
			return
		}
		<-time.After(time.Until(next))
		counts := next.Sub(began) > warmUp
		calls.Go(func() {
			status, took := ask(ctx, transport, address, tenant)
			mu.Lock()
			defer mu.Unlock()
			if counts {
				o.note(status, took)
			}
		})
	}
}

func (o *outcome) note(status int, took time.Duration) {
	o.calls++
	switch status {
	case http.StatusNoContent:
		o.took = append(o.took, took)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		o.refused++
	default:
		o.failed++
	}
}

// patience is how long a call waits for its answer.
const patience = 5 * time.Second

// ask calls once; status 0 is no answer.
func ask(ctx context.Context, transport *http.Transport, address, tenant string) (status int, took time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", http.NoBody)
	if err != nil {
		return 0, 0
	}
	r.Header.Set("X-Api-Key", key(tenant))
	began := time.Now()
	res, err := transport.RoundTrip(r)
	if err != nil {
		return 0, 0
	}
	_ = res.Body.Close() // it is empty, or a refusal
	return res.StatusCode, time.Since(began)
}
