package limit

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// lease is what a process holds of one caller's budget.
type lease struct {
	name string // at the store

	held    atomic.Int64 // granted and not used
	void    atomic.Int64 // ticks: when held ends
	blocked atomic.Int64 // ticks: before then nothing is granted
	low     atomic.Int64 // at how many held more is asked for
	alone   atomic.Int64 // ticks: until when the store does not know the budget
	waiting atomic.Int64 // requests that wait for an answer

	// own and portion are for the time without a store.
	own     atomic.Int64
	portion atomic.Pointer[portion]

	mu     sync.Mutex // guards what follows
	asking chan struct{}
	slice  int64
	filled ticks // when the store last granted something
}

// portion is a rate divided among processes.
type portion struct {
	of    *rate
	among int
	rate  *rate
}

func (c *cell) leased() *lease {
	if held := c.lease.Load(); held != nil {
		return held
	}
	made := &lease{name: c.key.name(), slice: 1}
	if c.lease.CompareAndSwap(nil, made) {
		return made
	}
	return c.lease.Load()
}

// use lets a request pass from what is held, or refuses it because the store
// said that nothing will be granted so soon. low says that more should be asked
// for before nothing is left.
func (h *lease) use(c *cell, now ticks) (d exchange.Decision, low, decided bool) {
	r := c.rate.Load()
	for now < ticks(h.void.Load()) {
		left := h.held.Load()
		if left <= 0 {
			break
		}
		if !h.held.CompareAndSwap(left, left-1) {
			continue
		}
		d = r.allow(max(ticks(c.whole.Load())-now, 0))
		d.Remaining += left - 1
		return d, left-1 == h.low.Load(), true
	}
	if blocked := ticks(h.blocked.Load()); now < blocked {
		d = r.refuse(max(ticks(c.whole.Load())-now, 0))
		d.Remaining, d.RetryAfter = 0, (blocked - now).duration()
		return d, false, true
	}
	return d, false, false
}

// wait returns when the answer is in, or with the context's error.
func (h *lease) wait(ctx context.Context, answered <-chan struct{}) error {
	h.waiting.Add(1)
	defer h.waiting.Add(-1)
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// size says how much to ask for: twice the last slice where it did not last long
// enough, half of it where it lasted too long, and no more than what the rate
// gives for the time that a slice should last, unless more are waiting. The
// caller holds the lock.
func (h *lease) size(r *rate, now ticks) int64 {
	lasted := now - h.filled
	switch span := ticksOf(sliceFor); {
	case lasted < span/2:
		h.slice *= 2
	case lasted > 4*span:
		h.slice = 1
	case lasted > 2*span:
		h.slice /= 2
	}
	most := min(int64(ticksOf(sliceFor)/r.interval), int64(r.burst/r.interval)/4)
	h.slice = max(min(h.slice, most), 1)
	want := max(h.slice, min(h.waiting.Load(), int64(r.burst/r.interval)))
	h.low.Store(-1)
	if h.slice >= 8 {
		h.low.Store(h.slice / 4)
	}
	return want
}

// fill adds what was granted; where that is nothing, nothing is asked for before
// open.
func (h *lease) fill(granted int64, now, open ticks) {
	if granted <= 0 {
		h.blocked.Store(int64(max(open, now+1)))
		return
	}
	if now >= ticks(h.void.Load()) {
		h.held.Store(0)
	}
	h.held.Add(granted)
	h.void.Store(int64(now + ticksOf(leaseFor)))
	h.mu.Lock()
	h.filled = now
	h.mu.Unlock()
}

// answer lets those go on who wait.
func (h *lease) answer() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.asking)
	h.asking = nil
}

// busy tells whether giving the lease up would lose something.
func (h *lease) busy(now ticks) bool {
	h.mu.Lock()
	asking := h.asking != nil
	h.mu.Unlock()
	return asking || now < ticks(h.blocked.Load()) || now < ticks(h.own.Load()) ||
		h.held.Load() > 0 && now < ticks(h.void.Load())
}

// ownRate is the rate's share of one process.
func (h *lease) ownRate(r *rate, among int) *rate {
	known := h.portion.Load()
	if known == nil || known.of != r || known.among != among {
		known = &portion{of: r, among: among, rate: r.share(among)}
		h.portion.Store(known)
	}
	return known.rate
}
