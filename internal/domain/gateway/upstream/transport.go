package upstream

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Options say how a Transport treats backends. Zero values have defaults.
type Options struct {
	// Clock is the time's.
	Clock clock.WithTickerAndDelayedExecution
	// Dial connects to an endpoint; the default is net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// DialTimeout bounds connecting, the TLS handshake included: 5 s.
	DialTimeout time.Duration
	// HeadTimeout bounds the time from the request to the head of the answer
	// where the context has no deadline: 60 s, and up to a quarter more.
	HeadTimeout time.Duration
	// BodyTimeout bounds each pause within a body where the context has no deadline:
	// 5 minutes, and up to a quarter more.
	BodyTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept: 60 s.
	IdleTimeout time.Duration
	// MaxIdle is how many unused connections are kept for an endpoint: 256.
	MaxIdle int
	// Limits bound the head of an answer.
	Limits http1.Limits
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.MaxIdle == 0 {
		o.MaxIdle = 256
	}
	if o.Limits == (http1.Limits{}) {
		o.Limits = http1.DefaultLimits
	}
	for duration, otherwise := range map[*time.Duration]time.Duration{
		&o.DialTimeout: 5 * time.Second,
		&o.HeadTimeout: time.Minute,
		&o.BodyTimeout: 5 * time.Minute,
		&o.IdleTimeout: time.Minute,
	} {
		if *duration == 0 {
			*duration = otherwise
		}
	}
	return o
}

// Transport sends requests to endpoints. It is for use by many goroutines.
type Transport struct {
	options Options
	pools   atomic.Pointer[map[poolKey]*pool] // the map is never changed
	stop    context.CancelFunc
	stopped chan struct{}

	mu       sync.Mutex // guards changes of pools, and what follows
	closed   bool
	backends map[string]*gateway.Backend // the last Config's
}

// poolKey is what connections are kept for.
type poolKey struct {
	backend  string
	endpoint netip.AddrPort
}

// New returns a Transport that owns a goroutine until Close.
func New(options Options) *Transport {
	ctx, stop := context.WithCancel(context.Background())
	t := &Transport{options: options.withDefaults(), stop: stop, stopped: make(chan struct{})}
	t.pools.Store(&map[poolKey]*pool{})
	go t.sweep(ctx)
	return t
}

// sweep closes connections that were idle for too long.
func (t *Transport) sweep(ctx context.Context) {
	defer close(t.stopped)
	ticker := t.options.Clock.NewTicker(t.options.IdleTimeout / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C():
			for _, p := range *t.pools.Load() {
				p.closeIdle(now.Add(-t.options.IdleTimeout))
			}
		}
	}
}

// Update tells what backends there are now. Connections to endpoints that are
// gone, or are to be verified in another way, are closed when their exchange ends.
func (t *Transport) Update(backends map[string]*gateway.Backend) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.backends != nil && gateway.Same(t.backends, backends) {
		return
	}
	t.backends = backends
	old := *t.pools.Load()
	next := make(map[poolKey]*pool, len(old))
	for key, p := range old {
		if backend := backends[key.backend]; backend != nil && p.serves(backend) && hasEndpoint(backend, key.endpoint) {
			p.backend.Store(backend)
			next[key] = p
			continue
		}
		p.drain()
	}
	t.pools.Store(&next)
}

func hasEndpoint(b *gateway.Backend, address netip.AddrPort) bool {
	return slices.ContainsFunc(b.Endpoints, func(e gateway.Endpoint) bool { return e.Address == address })
}

// pool returns the pool of an endpoint, making it at the first call.
func (t *Transport) pool(backend *gateway.Backend, endpoint netip.AddrPort) (*pool, error) {
	key := poolKey{backend.ID, endpoint}
	if p := (*t.pools.Load())[key]; p != nil && p.backend.Load() == backend {
		return p, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	old := *t.pools.Load()
	if p := old[key]; p != nil && p.serves(backend) {
		return p, nil
	} else if p != nil {
		p.drain()
	}
	next := make(map[poolKey]*pool, len(old)+1)
	maps.Copy(next, old)
	p := newPool(&t.options, backend, endpoint)
	next[key] = p
	t.pools.Store(&next)
	return p, nil
}

// Close closes what is idle, and what is in use when its exchange ends.
func (t *Transport) Close() {
	t.Update(nil)
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	<-t.stopped
}

// RoundTrip sends req and fills res with the head of the answer and, unless it
// has none, with its body, which the caller closes, exactly once. Fields that
// are for one connection only are left out of both, and interim answers are
// dropped. The request's body is read to its end, or closed when the answer's
// body is closed before; it may still be read while the answer's is, and is not
// touched any more once that is closed or an error was returned.
//
// The context's deadline and end bound all of it, reading the body included; a
// context that never ends costs nothing. An error is an *Error of the kinds of
// this package. It leaves req as it was, its body apart.
func (t *Transport) RoundTrip(ctx context.Context, backend *gateway.Backend, endpoint gateway.Endpoint, req *http1.Request, res *http1.Response) error {
	p, err := t.pool(backend, endpoint.Address)
	if err != nil {
		return failed(endpoint.Address, err)
	}
	res.Reset()
	if p.h2 != nil {
		return p.roundTripH2(ctx, req, res)
	}
	c, err := p.exchange(ctx, req, res, "")
	if err != nil {
		return err
	}
	c.handOver(req, res)
	return nil
}

// Upgrade is RoundTrip for a request to speak the protocol that its Upgrade
// field names from now on. If the backend agrees, the response's status is 101,
// it keeps the fields that say so, and the connection is the caller's (its
// CloseWrite passes on one side's end). Else the connection is nil and res is as
// of RoundTrip.
func (t *Transport) Upgrade(ctx context.Context, backend *gateway.Backend, endpoint gateway.Endpoint, req *http1.Request, res *http1.Response) (io.ReadWriteCloser, error) {
	p, err := t.pool(backend, endpoint.Address)
	if err != nil {
		return nil, failed(endpoint.Address, err)
	}
	protocol := req.Header.Get("upgrade")
	if p.h2 != nil || protocol == "" {
		return nil, &Error{ErrProtocol, endpoint.Address, errNoUpgrade}
	}
	res.Reset()
	c, err := p.exchange(ctx, req, res, protocol)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusSwitchingProtocols {
		c.handOver(req, res)
		return nil, nil
	}
	return c.upgraded(), nil
}
