package balance

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// Why no endpoint is chosen.
var (
	// ErrNone is a backend without endpoints.
	ErrNone = errors.New("the backend has no endpoint that is ready")
	// ErrOpen is a backend all of whose breakers are open.
	ErrOpen = errors.New("the breakers of all endpoints of the backend are open")
	// ErrFull is a backend that has as many requests as it may.
	ErrFull = errors.New("the backend has as many requests as its limits allow")
)

// Pool is a backend of one Config.
type Pool struct {
	// Backend as the Config has it.
	Backend *gateway.Backend

	endpoints []*Endpoint
	shared    *shared
	failures  int
	openFor   time.Duration
	most      int64
}

// shared is what is known of a backend, whatever the Config.
type shared struct {
	slot     int
	inflight atomic.Int64
	budget   Budget
	random   atomic.Uint64
}

// Len is how many endpoints there are.
func (p *Pool) Len() int { return len(p.endpoints) }

// Budget is what the backend has for retries.
func (p *Pool) Budget() *Budget { return &p.shared.budget }

// Pick occupies the less loaded of two endpoints taken at random; avoid, where
// not nil, only if there is no other. The caller MUST call Done once.
func (p *Pool) Pick(now time.Time, avoid *Endpoint) (*Endpoint, error) {
	if len(p.endpoints) == 0 {
		return nil, ErrNone
	}
	if p.shared.inflight.Add(1) > p.most {
		p.shared.inflight.Add(-1)
		return nil, ErrFull
	}
	if e := p.choose(now, avoid); e != nil {
		return e, nil
	}
	p.shared.inflight.Add(-1)
	return nil, ErrOpen
}

func (p *Pool) choose(now time.Time, avoid *Endpoint) *Endpoint {
	n := uint64(len(p.endpoints))
	if n == 1 {
		return p.first(0, now, nil)
	}
	draw := mix(p.shared.random.Add(golden))
	i := (draw >> 32) * n >> 32
	j := (draw & 0xffffffff) * (n - 1) >> 32
	if j >= i {
		j++
	}
	a, b := p.endpoints[i], p.endpoints[j]
	if a == avoid || b != avoid && b.inflight.Load() < a.inflight.Load() {
		a, b = b, a
	}
	if a.take(now, p.openFor) {
		return a
	}
	if b != avoid && b.take(now, p.openFor) {
		return b
	}
	if e := p.first(int(i), now, avoid); e != nil {
		return e
	}
	return p.first(int(i), now, nil)
}

// first occupies the first endpoint from i on that can be.
func (p *Pool) first(i int, now time.Time, avoid *Endpoint) *Endpoint {
	for k := range p.endpoints {
		e := p.endpoints[(i+k)%len(p.endpoints)]
		if e != avoid && e.take(now, p.openFor) {
			return e
		}
	}
	return nil
}

// HasSession tells whether a session is one of the backend's endpoints'.
func (p *Pool) HasSession(session string) bool {
	return slices.ContainsFunc(p.endpoints, func(e *Endpoint) bool { return e.Session == session })
}

// PickSession occupies the endpoint of a session, or returns nil where there is
// none, or it does not answer.
func (p *Pool) PickSession(session string, now time.Time) *Endpoint {
	for _, e := range p.endpoints {
		if e.Session != session {
			continue
		}
		if p.shared.inflight.Add(1) > p.most || e.Open() || !e.take(now, p.openFor) {
			p.shared.inflight.Add(-1)
			return nil
		}
		return e
	}
	return nil
}

// Registry knows backends across Configs. It belongs to one goroutine at a time.
type Registry struct {
	key      []byte
	known    map[string]*entry
	free     []int
	slots    int
	previous []*Pool
	// backends is what Update was called with last.
	backends map[string]*gateway.Backend
}

// entry is a backend with its endpoints.
type entry struct {
	shared    shared
	endpoints map[netip.AddrPort]*Endpoint
	pool      *Pool
}

// NewRegistry returns a Registry whose sessions are derived with the key:
// processes that share it know each other's.
func NewRegistry(key []byte) *Registry {
	return &Registry{key: slices.Clone(key), known: map[string]*entry{}}
}

// Slot returns the place of a backend in the pools that Update returned last, or
// -1 where it is not known. A backend keeps its slot while it exists.
func (r *Registry) Slot(id string) int {
	if known, ok := r.known[id]; ok {
		return known.shared.slot
	}
	return -1
}

// Update returns the pools of the backends of a Config by slot, and whether each backend
// has the slot that it had. Pools that were returned before stay as they are.
func (r *Registry) Update(backends map[string]*gateway.Backend) (pools []*Pool, same bool) {
	if r.previous != nil && gateway.Same(r.backends, backends) {
		return r.previous, true
	}
	r.backends, same = backends, true
	for id, known := range r.known {
		if backends[id] == nil {
			delete(r.known, id)
			r.free = append(r.free, known.shared.slot)
			same = false
		}
	}
	for id, backend := range backends {
		known := r.known[id]
		if known == nil {
			known = &entry{endpoints: map[netip.AddrPort]*Endpoint{}}
			known.shared.slot = r.slot()
			same = false
			known.shared.budget.fill()
			r.known[id] = known
		}
		if known.pool == nil || known.pool.Backend != backend {
			known.update(id, backend, r.key)
		}
	}
	pools = make([]*Pool, r.slots)
	for known := range maps.Values(r.known) {
		pools[known.shared.slot] = known.pool
	}
	if !slices.Equal(pools, r.previous) {
		r.previous = pools
	}
	return r.previous, same
}

func (r *Registry) slot() int {
	if n := len(r.free); n > 0 {
		slot := r.free[n-1]
		r.free = r.free[:n-1]
		return slot
	}
	r.slots++
	return r.slots - 1
}

func (k *entry) update(id string, backend *gateway.Backend, key []byte) {
	pool := &Pool{
		Backend: backend, shared: &k.shared, failures: backend.Limits.ConsecutiveFailures,
		openFor: backend.Limits.OpenFor, most: 1<<63 - 1, endpoints: make([]*Endpoint, 0, len(backend.Endpoints)),
	}
	if pool.failures <= 0 {
		pool.failures = DefaultFailures
	}
	if pool.openFor <= 0 {
		pool.openFor = DefaultOpenFor
	}
	if most := backend.Limits.MaxConnections; most > 0 {
		pool.most = int64(most) + int64(backend.Limits.MaxPending)
	}
	present := make(map[netip.AddrPort]*Endpoint, len(backend.Endpoints))
	for _, endpoint := range backend.Endpoints {
		e := k.endpoints[endpoint.Address]
		if e == nil || e.Zone != endpoint.Zone {
			e = newEndpoint(id, endpoint, key)
		}
		present[endpoint.Address] = e
		pool.endpoints = append(pool.endpoints, e)
	}
	k.endpoints, k.pool = present, pool
}
