package limit

import (
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// gone marks a cell that was given up: who still holds it looks again.
const gone = math.MinInt64

// key is whom a cell belongs to: some of its parts, as the policy's scope says.
type key struct {
	budget               *budget
	tenant, issuer, text string
	address              netip.Addr
}

// cell is the budget of one caller.
type cell struct {
	key key
	// rate is what the cell is measured by; a change of the policy changes it.
	rate atomic.Pointer[rate]
	// whole is the moment, in ticks, at which the budget is whole again. Where
	// processes share it is what the store said last.
	whole atomic.Int64
	// lease is what the store granted; nil where nothing was asked for.
	lease atomic.Pointer[lease]
}

// take charges one request; ok is false for a cell that was given up.
func (c *cell) take(now ticks) (d exchange.Decision, ok bool) {
	return charge(&c.whole, c.rate.Load(), now)
}

// charge is GCRA on one moment.
func charge(moment *atomic.Int64, r *rate, now ticks) (d exchange.Decision, ok bool) {
	for {
		was := moment.Load()
		if was == gone {
			return exchange.Decision{}, false
		}
		whole := max(ticks(was), now)
		if whole+r.interval-now > r.burst {
			return r.refuse(whole - now), true
		}
		if moment.CompareAndSwap(was, int64(whole+r.interval)) {
			return r.allow(whole + r.interval - now), true
		}
	}
}

// grant charges up to want requests at once, and says how many and how far
// ahead the cell is then.
func (c *cell) grant(now ticks, want int64) (granted int64, ahead ticks, ok bool) {
	r := c.rate.Load()
	for {
		was := c.whole.Load()
		if was == gone {
			return 0, 0, false
		}
		whole := max(ticks(was), now)
		granted = min(want, max(int64((r.burst-(whole-now))/r.interval), 0))
		whole += ticks(granted) * r.interval
		if granted == 0 || c.whole.CompareAndSwap(was, int64(whole)) {
			return granted, whole - now, true
		}
	}
}

func (r *rate) allow(ahead ticks) exchange.Decision {
	d := r.describe(ahead)
	d.Allowed = true
	return d
}

func (r *rate) refuse(ahead ticks) exchange.Decision {
	d := r.describe(ahead)
	d.RetryAfter = (ahead + r.interval - r.burst).duration()
	return d
}

func (r *rate) describe(ahead ticks) exchange.Decision {
	return exchange.Decision{
		Limit: r.requests, Window: r.unit,
		Remaining: max(int64((r.burst-ahead)/r.interval), 0),
		Reset:     max(ahead.duration(), 0),
	}
}

// remeasure gives the cell another rate and keeps the share that is spent: who
// has used half of the old burst has used half of the new one.
func (c *cell) remeasure(to *rate, now ticks) {
	from := c.rate.Swap(to)
	for from.burst != to.burst {
		was := c.whole.Load()
		if was == gone || ticks(was) <= now {
			return
		}
		spent := float64(ticks(was)-now) / float64(from.burst)
		if c.whole.CompareAndSwap(was, int64(now+ticks(spent*float64(to.burst)))) {
			return
		}
	}
}

// abandon gives the cell up if that loses nothing.
func (c *cell) abandon(now ticks) bool {
	was := c.whole.Load()
	if was == gone {
		return true
	}
	if ticks(was) > now {
		return false
	}
	if granted := c.lease.Load(); granted != nil && granted.busy(now) {
		return false
	}
	return c.whole.CompareAndSwap(was, gone)
}

// leaseFor is how long a slice may be used.
const leaseFor = time.Second
