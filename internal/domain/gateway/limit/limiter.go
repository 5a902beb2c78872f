package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// mostCells bounds the cells of a process; with their keys some 40 MB.
const mostCells = 1 << 17

// Limiter counts the requests of one process. It is for many goroutines at once.
type Limiter struct {
	clock  clock.PassiveClock
	start  time.Time
	cells  *table
	sharer *sharer // nil where the process is alone

	mu       sync.Mutex // guards changes of budgets, and policies
	budgets  atomic.Pointer[map[string]*budget]
	policies map[string]*gateway.RateLimit // what budgets were made of
}

// budget is what a policy's name stands for.
type budget struct {
	name  string
	rates atomic.Pointer[rates]
	// rest is the cell of callers for whom there is no room.
	rest     atomic.Pointer[cell]
	restOnce sync.Once
}

// Option changes a Limiter.
type Option func(*Limiter)

// WithCells bounds the callers that are told apart at a time.
func WithCells(most int) Option {
	return func(l *Limiter) { l.cells = newTable(most) }
}

// New returns a Limiter without budgets. The clock is the one that the times of
// requests come from.
func New(clock clock.PassiveClock, options ...Option) *Limiter {
	made := &Limiter{clock: clock, start: clock.Now(), cells: newTable(mostCells)}
	for _, option := range options {
		option(made)
	}
	made.budgets.Store(&map[string]*budget{})
	if made.sharer != nil {
		made.sharer.limiter = made
	}
	return made
}

// Update takes over the policies of a Config. A policy whose numbers changed
// keeps the share of each budget that is spent; one that is no longer there is
// forgotten.
func (l *Limiter) Update(config *gateway.Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.policies != nil && gateway.Same(l.policies, config.RateLimits) {
		return
	}
	l.policies = config.RateLimits
	old, next := *l.budgets.Load(), make(map[string]*budget, len(config.RateLimits))
	changed := make(map[*budget]bool)
	for name, policy := range config.RateLimits {
		numbers := ratesOf(policy)
		known := old[name]
		if known == nil {
			known = &budget{name: name}
			known.rates.Store(numbers)
		} else if before := known.rates.Load(); !before.same(numbers) {
			known.rates.Store(numbers)
			changed[known] = true
		}
		next[name] = known
	}
	for name, known := range old {
		if next[name] == nil {
			changed[known] = false
		}
	}
	l.budgets.Store(&next)
	l.revise(changed)
}

// revise brings cells in line with the budgets that changed (true) or are no
// longer there (false).
func (l *Limiter) revise(changed map[*budget]bool) {
	if len(changed) == 0 {
		return
	}
	now := l.now()
	revise := func(c *cell) bool {
		kept, touched := changed[c.key.budget]
		if !touched {
			return true
		}
		measure, _ := c.key.budget.rates.Load().of(c.key.tenant)
		c.remeasure(measure, now)
		return kept
	}
	l.cells.each(revise)
	for touched := range changed {
		if rest := touched.rest.Load(); rest != nil {
			revise(rest)
		}
	}
}

// Take charges one request to the caller's budget, or says that it is used up.
// A policy that no Update has brought is taken as it is.
func (l *Limiter) Take(ctx context.Context, request *exchange.LimitRequest) exchange.Decision {
	owner := l.budget(request.Policy)
	k := owner.keyOf(request)
	now := l.at(request.Now)
	for {
		c := l.cells.get(&k, now)
		if l.sharer != nil {
			if store := l.sharer.store.Load(); store != nil {
				return l.sharer.take(ctx, *store, c, now)
			}
		}
		if d, ok := c.take(now); ok {
			return d
		}
	}
}

// Cells is how many callers are told apart now.
func (l *Limiter) Cells() int { return l.cells.size() }

func (l *Limiter) now() ticks { return l.at(l.clock.Now()) }

func (l *Limiter) at(t time.Time) ticks { return ticks(t.Sub(l.start)) * nanosecond }

func (l *Limiter) budget(policy *gateway.RateLimit) *budget {
	if known := (*l.budgets.Load())[policy.Name]; known != nil {
		return known
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := *l.budgets.Load()
	if known := old[policy.Name]; known != nil {
		return known
	}
	made := &budget{name: policy.Name}
	made.rates.Store(ratesOf(policy))
	next := maps.Clone(old)
	next[policy.Name] = made
	l.budgets.Store(&next)
	return made
}

// spare is the cell that callers share for whom there is no room.
func (b *budget) spare() *cell {
	b.restOnce.Do(func() { b.rest.Store(newCell(key{budget: b, text: "\x00"})) })
	return b.rest.Load()
}

// keyOf says whose budget it is. Nobody is told apart by address; a known caller
// who lacks what the scope asks for shares one budget with its like. A tenant
// with numbers of its own has budgets of its own.
func (b *budget) keyOf(request *exchange.LimitRequest) key {
	k := key{budget: b}
	who := request.Identity
	if request.Policy.Scope == gateway.PerRoute && who == nil {
		return k
	}
	if who == nil {
		k.address = network(request.Remote)
		return k
	}
	if _, own := b.rates.Load().of(who.Tenant); own {
		k.tenant = who.Tenant
	}
	switch request.Policy.Scope {
	case gateway.PerRoute:
	case gateway.PerClient:
		k.tenant, k.issuer, k.text = who.Tenant, who.Issuer, short(who.Client)
	case gateway.PerClaim:
		k.text = short(who.ClaimText(request.Policy.Claim))
	case gateway.PerUnit:
		k.text = who.BusinessUnit
	default:
		k.tenant = who.Tenant
	}
	return k
}

// network is what counts as one caller: an IPv4 address, or the network of 64
// bits that a site has of IPv6.
func network(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if !address.Is6() {
		return address
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.Addr()
}

// longest is how long a name may be before its hash stands for it.
const longest = 256

func short(text string) string {
	if len(text) <= longest {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
