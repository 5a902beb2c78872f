package proxy

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// Proxy serves requests by the Config that was applied last. Its methods are
// safe for any number of goroutines.
type Proxy struct {
	transport  Transport
	authorizer Authorizer
	limiter    Limiter
	fairness   Fairness
	observer   Observer
	clock      clock.Clock
	defaults   defaults
	pauses     pauses

	current  atomic.Pointer[snapshot]
	applying sync.Mutex // guards compiler
	compiler *compiler
	flows    sync.Pool
	mirrors  mirrors
	ids      ids
}

// defaults are for what a Config leaves open.
type defaults struct {
	request, backend time.Duration
	body             int64
}

// Option changes a Proxy that is being made.
type Option func(*Proxy)

// WithAuthorizer says who decides about callers; Nobody else.
func WithAuthorizer(a Authorizer) Option { return func(p *Proxy) { p.authorizer = a } }

// WithLimiter says who counts requests; Unlimited else.
func WithLimiter(l Limiter) Option { return func(p *Proxy) { p.limiter = l } }

// WithFairness says who lets requests in to backends; Unfair else.
func WithFairness(f Fairness) Option { return func(p *Proxy) { p.fairness = f } }

// WithObserver says who learns of requests; Unobserved else.
func WithObserver(o Observer) Option { return func(p *Proxy) { p.observer = o } }

// WithClock gives the time; the real one else.
func WithClock(c clock.Clock) Option { return func(p *Proxy) { p.clock = c } }

// WithTimeouts bounds requests, and attempts at a backend, whose rule says
// nothing; 0, which is none, else.
func WithTimeouts(request, backend time.Duration) Option {
	return func(p *Proxy) { p.defaults.request, p.defaults.backend = request, backend }
}

// WithPauses bounds how long a client of net/http's front may send nothing of a body,
// and read nothing of its answer; 30 s and a minute else, and up to a quarter more.
func WithPauses(read, write time.Duration) Option {
	return func(p *Proxy) { p.pauses = pauses{read, write} }
}

// WithMaxBody bounds bodies of requests whose rule says nothing, but for gRPC's
// streams, in bytes; 0, which is none, else.
func WithMaxBody(bytes int64) Option { return func(p *Proxy) { p.defaults.body = bytes } }

// WithSessionKey says by what sessions are derived from endpoints: processes
// with the same key know each other's.
func WithSessionKey(key []byte) Option {
	return func(p *Proxy) { p.compiler = newCompiler(key) }
}

// New returns a Proxy that asks endpoints through the transport, and that serves
// nothing before the first Apply.
func New(transport Transport, options ...Option) *Proxy {
	p := &Proxy{
		transport: transport, authorizer: Nobody{}, limiter: Unlimited{}, fairness: Unfair{}, observer: Unobserved{},
		clock: clock.RealClock{}, compiler: newCompiler(nil), pauses: pauses{30 * time.Second, time.Minute},
	}
	for _, option := range options {
		option(p)
	}
	p.flows.New = func() any { return &flow{proxy: p} }
	p.mirrors.begin()
	p.ids.begin()
	return p
}

// Apply compiles the Config and serves by it from the next request on. What is
// wrong with a rule (a policy that is missing) makes the rule answer 500 and is
// told in the error; all else is served. The Config must not change afterwards:
// routes, backends and policies with the pointers they had in the Config before
// are taken as unchanged, and cost next to nothing.
func (p *Proxy) Apply(config *gateway.Config) error {
	p.applying.Lock()
	defer p.applying.Unlock()
	next, err := p.compiler.compile(config)
	p.current.Store(next)
	return err
}

// Ready tells whether there is a Config.
func (p *Proxy) Ready() bool { return p.current.Load() != nil }

// Close ends what the Proxy does beside requests (mirrors), and waits for it.
func (p *Proxy) Close() { p.mirrors.end() }

// ServeExchange answers a request that came in by the socket: all listeners of
// the Config with that Address. The front has set x.Request and x.Start.
func (p *Proxy) ServeExchange(ctx context.Context, socket netip.AddrPort, w exchange.Responder, x *exchange.Exchange) {
	f, ok := p.flows.Get().(*flow)
	if !ok {
		f = &flow{proxy: p}
	}
	f.begin(ctx, w, x)
	f.serve(socket)
	f.end()
	p.flows.Put(f)
}
