package limit

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

const (
	// usualPatience is how long a store may take to answer.
	usualPatience = 100 * time.Millisecond
	// rest is how long a store that failed is left alone.
	rest = time.Second
	// sliceFor is how long a slice of a busy caller should last.
	sliceFor = 250 * time.Millisecond
)

// sharer takes slices of budgets from a store, one at a time for each cell, and
// lets requests pass from what it holds.
type sharer struct {
	limiter  *Limiter
	store    atomic.Pointer[Store]
	share    func() int // how many processes there are
	patience time.Duration

	down  atomic.Bool  // the store failed last time
	retry atomic.Int64 // ticks: when it is asked again

	mu     sync.Mutex // guards closed
	closed bool
	ctx    context.Context
	stop   context.CancelFunc
	asks   sync.WaitGroup
}

// WithStore shares the budgets with other processes. While the store is gone,
// policies whose FailureMode is Local let one of processes() shares pass. The
// goroutines that ask the store end with ctx, or with Close.
func WithStore(ctx context.Context, store Store, processes func() int) Option {
	return func(l *Limiter) {
		made := &sharer{share: processes, patience: usualPatience}
		made.ctx, made.stop = context.WithCancel(ctx)
		if store != nil {
			made.store.Store(&store)
		}
		l.sharer = made
	}
}

// WithPatience changes how long the store may take to answer, 100 ms, before the
// policy's FailureMode holds. It follows WithStore.
func WithPatience(d time.Duration) Option {
	return func(l *Limiter) { l.sharer.patience = d }
}

// SetStore changes whom the process shares with: nil makes it count alone, as
// the leader does. What was spent is kept as far as this process knows it. It
// needs a Limiter made WithStore.
func (l *Limiter) SetStore(store Store) {
	if store == nil {
		l.sharer.store.Store(nil)
		return
	}
	l.sharer.store.Store(&store)
	l.sharer.down.Store(false)
}

// Close ends what the Limiter still asks of its store, and waits for it.
func (l *Limiter) Close() {
	s := l.sharer
	if s == nil {
		return
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.asks.Wait()
}

// take lets a request pass from what is held, and asks for more where nothing is.
func (s *sharer) take(ctx context.Context, store Store, c *cell, now ticks) exchange.Decision {
	held := c.leased()
	for {
		d, low, decided := held.use(c, now)
		if low {
			s.ask(store, c, held)
		}
		if decided {
			return d
		}
		if now < ticks(held.alone.Load()) || s.resting(store, c, held, now) {
			return s.without(c, held, now)
		}
		answered := s.ask(store, c, held)
		if answered == nil {
			return s.without(c, held, now)
		}
		if held.wait(ctx, answered) != nil {
			return exchange.Decision{Unavailable: true, RetryAfter: rest}
		}
	}
}

// resting tells whether the store failed not long ago. When its rest is over one
// request asks, and nobody waits for the answer.
func (s *sharer) resting(store Store, c *cell, held *lease, now ticks) bool {
	if !s.down.Load() {
		return false
	}
	again := s.retry.Load()
	if now >= ticks(again) && s.retry.CompareAndSwap(again, int64(now+ticksOf(rest))) {
		s.ask(store, c, held)
	}
	return true
}

// without decides while the store is gone, as the policy says.
func (s *sharer) without(c *cell, held *lease, now ticks) exchange.Decision {
	switch c.key.budget.rates.Load().failure {
	case gateway.FailOpen:
		return exchange.Decision{Allowed: true}
	case gateway.FailClosed:
		return exchange.Decision{Unavailable: true, RetryAfter: rest}
	default:
		d, _ := charge(&held.own, held.ownRate(c.rate.Load(), s.share()), now)
		return d
	}
}

// ask has the store asked for the cell, unless it is already, and returns what
// is closed when the answer is in; nil when the sharer is closed.
func (s *sharer) ask(store Store, c *cell, held *lease) <-chan struct{} {
	held.mu.Lock()
	defer held.mu.Unlock()
	if held.asking != nil {
		return held.asking
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.asks.Add(1)
	answered := make(chan struct{})
	held.asking = answered
	want := held.size(c.rate.Load(), s.limiter.now())
	go s.fetch(store, c, held, want)
	return answered
}

func (s *sharer) fetch(store Store, c *cell, held *lease, want int64) {
	defer s.asks.Done()
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	r := c.rate.Load()
	granted, ahead, err := store.Take(ctx, held.name, r.interval.duration(), r.burst.duration(), want)
	now := s.limiter.now()
	switch {
	case err == nil:
		s.down.Store(false)
		held.alone.Store(0)
		c.learn(now + ticksOf(ahead))
		held.fill(granted, now, now+ticksOf(ahead)+r.interval-r.burst)
	case errors.Is(err, ErrUnknown):
		held.alone.Store(int64(now + ticksOf(rest)))
	default:
		s.retry.Store(int64(now + ticksOf(rest)))
		s.down.Store(true)
	}
	held.answer()
}

// learn takes over what the store says of the cell.
func (c *cell) learn(whole ticks) {
	for {
		was := c.whole.Load()
		if was == gone || c.whole.CompareAndSwap(was, int64(whole)) {
			return
		}
	}
}

// name is the cell's name at the store.
func (k *key) name() string {
	address := ""
	if k.address.IsValid() {
		address = k.address.String()
	}
	return strings.Join([]string{k.budget.name, k.tenant, k.issuer, address, k.text}, "\n")
}

// parts are how many lines a name has; the last may have more.
const parts = 5

// parseName is the opposite of name; the policy's name stands for the budget.
func parseName(name string) (policy string, k key, err error) {
	lines := strings.SplitN(name, "\n", parts)
	if len(lines) < parts {
		return "", key{}, errors.New("the name of a budget has five lines: policy, tenant, issuer, address and caller")
	}
	k = key{tenant: lines[1], issuer: lines[2], text: lines[4]}
	if lines[3] != "" {
		if k.address, err = netip.ParseAddr(lines[3]); err != nil {
			return "", key{}, errors.New("the fourth line of the name of a budget must be an address or empty")
		}
	}
	return lines[0], k, nil
}
