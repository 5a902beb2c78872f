package fair

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// ErrShed is for requests that are turned away so that others get their share.
var ErrShed = errors.New("the backend is busy, and the caller's tenant has its share of it")

// usualPatience is how long a request waits for its turn.
const usualPatience = time.Second

// Fair lets requests in to the backends of one process. It is for many goroutines
// at once.
type Fair struct {
	clock    clock.WithTicker
	weigh    func(tenant string) float64
	patience time.Duration
	passes   sync.Pool

	mu       sync.RWMutex // guards what follows
	backends map[string]*backend
	known    map[string]*gateway.Backend // the last Config's
}

// backend is a queue with its lock.
type backend struct {
	mu sync.Mutex
	queue
}

// Option changes a Fair.
type Option func(*Fair)

// WithWeights gives tenants shares that differ; each has 1 else. It is asked once
// for each tenant of a backend.
func WithWeights(weigh func(tenant string) float64) Option {
	return func(f *Fair) { f.weigh = weigh }
}

// WithPatience changes how long a request waits for its turn: a second.
func WithPatience(d time.Duration) Option {
	return func(f *Fair) { f.patience = d }
}

// New returns a Fair that knows no backend.
func New(clock clock.WithTicker, options ...Option) *Fair {
	made := &Fair{
		clock: clock, patience: usualPatience, backends: make(map[string]*backend),
		weigh:  func(string) float64 { return 1 },
		passes: sync.Pool{New: func() any { return &pass{} }},
	}
	for _, option := range options {
		option(made)
	}
	return made
}

// Update forgets the backends that a Config no longer has. What is known of the
// others is kept.
func (f *Fair) Update(config *gateway.Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known != nil && gateway.Same(f.known, config.Backends) {
		return
	}
	f.known = config.Backends
	for id := range f.backends {
		if config.Backends[id] == nil {
			delete(f.backends, id)
		}
	}
}

// Enter lets a request in to the backend, at once or when it is its tenant's
// turn. It returns ErrShed where the request is turned away, or the context's
// error.
func (f *Fair) Enter(ctx context.Context, id, tenant string) (exchange.Pass, error) {
	b := f.backend(id)
	b.mu.Lock()
	t := b.of(tenant, f.weigh)
	if b.enter(t) {
		b.mu.Unlock()
		return f.pass(b, t), nil
	}
	w := b.wait(t)
	b.mu.Unlock()
	if w == nil {
		return nil, ErrShed
	}
	return f.await(ctx, b, w)
}

// await returns when it is the waiter's turn, or it will not be.
func (f *Fair) await(ctx context.Context, b *backend, w *waiter) (exchange.Pass, error) {
	timer := f.clock.NewTimer(f.patience)
	defer timer.Stop()
	var why error
	select {
	case <-w.done:
	case <-timer.C():
		why = ErrShed
	case <-ctx.Done():
		why = ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch removed := b.remove(w); {
	case removed:
		return nil, why
	case w.granted:
		return f.pass(b, w.tenant), nil
	}
	return nil, ErrShed
}

func (f *Fair) backend(id string) *backend {
	f.mu.RLock()
	known := f.backends[id]
	f.mu.RUnlock()
	if known != nil {
		return known
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.backends[id]; known != nil {
		return known
	}
	made := &backend{queue: *newQueue()}
	f.backends[id] = made
	return made
}

// pass is the right of one request to be at a backend.
type pass struct {
	fair    *Fair
	backend *backend
	tenant  *tenant
}

var _ exchange.Pass = (*pass)(nil)

func (f *Fair) pass(b *backend, t *tenant) *pass {
	made, _ := f.passes.Get().(*pass) // the pool has nothing else
	made.fair, made.backend, made.tenant = f, b, t
	return made
}

// Leave gives the place to who is next.
func (p *pass) Leave(outcome exchange.Outcome) {
	f, b, t := p.fair, p.backend, p.tenant
	*p = pass{}
	f.passes.Put(p)
	learn := !outcome.Dropped && (outcome.Failed || outcome.Latency > 0)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leave(t, outcome.Latency, outcome.Failed, learn)
}

// State is what is known of a backend, for metrics.
type State struct {
	// Limit is how many requests it bears at a time, Inside how many it has, and
	// Waiting how many wait.
	Limit, Inside, Waiting int
}

// State returns what is known of a backend.
func (f *Fair) State(id string) State {
	f.mu.RLock()
	known := f.backends[id]
	f.mu.RUnlock()
	if known == nil {
		return State{Limit: initial}
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	return State{Limit: known.now(), Inside: known.inside, Waiting: known.length}
}
