package limit

import (
	"math"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// ticks are sixteenths of a nanosecond since the Limiter was made: fine enough
// for rates of any policy, and good for more than ten years of running.
type ticks int64

const (
	nanosecond ticks = 16
	second           = ticks(time.Second) * nanosecond
	// furthest is how far ahead a budget may be spent: a year.
	furthest = 365 * 24 * 3600 * second
)

func ticksOf(d time.Duration) ticks {
	if d > time.Duration(furthest/nanosecond) {
		return furthest
	}
	return ticks(d) * nanosecond
}

// duration rounds up, so that who waits for it has waited long enough.
func (t ticks) duration() time.Duration {
	return time.Duration((t + nanosecond - 1) / nanosecond)
}

// rate is what a cell is measured by. It is never changed.
type rate struct {
	requests int64
	unit     time.Duration
	interval ticks // what one request moves the cell on by
	burst    ticks // how far ahead a cell may get
}

// rateOf makes the numbers of a policy; both are at least one request.
func rateOf(requests, burst int64, unit time.Duration) *rate {
	requests = max(requests, 1)
	if unit <= 0 {
		unit = time.Second
	}
	if burst <= 0 {
		burst = requests
	}
	exact := float64(unit) * float64(nanosecond) / float64(requests)
	interval := max(ticks(math.Round(min(exact, float64(furthest)))), 1)
	ahead := min(exact*float64(burst), float64(furthest))
	return &rate{requests: requests, unit: unit, interval: interval, burst: max(ticks(math.Round(ahead)), interval)}
}

// share is what one of n processes may let pass on its own.
func (r *rate) share(n int) *rate {
	if n <= 1 {
		return r
	}
	interval := ticks(min(float64(r.interval)*float64(n), float64(furthest)))
	return &rate{requests: r.requests, unit: r.unit, interval: interval, burst: max(r.burst, interval)}
}

// rates are all of a policy.
type rates struct {
	every     *rate
	overrides map[string]*rate // by tenant
	failure   gateway.FailureMode
}

func ratesOf(policy *gateway.RateLimit) *rates {
	made := &rates{every: rateOf(policy.Requests, policy.Burst, policy.Unit), failure: policy.Failure}
	for tenant, requests := range policy.Overrides {
		if made.overrides == nil {
			made.overrides = make(map[string]*rate, len(policy.Overrides))
		}
		made.overrides[tenant] = rateOf(requests, scaled(policy, requests), policy.Unit)
	}
	return made
}

// scaled is the burst of an override: the same share of its requests as the
// policy's burst is of the policy's.
func scaled(policy *gateway.RateLimit, requests int64) int64 {
	if policy.Burst <= 0 || policy.Requests <= 0 {
		return 0
	}
	return max(int64(float64(policy.Burst)*float64(requests)/float64(policy.Requests)), 1)
}

func (r *rates) of(tenant string) (found *rate, own bool) {
	if found, own = r.overrides[tenant]; own {
		return found, true
	}
	return r.every, false
}

func (r *rates) same(other *rates) bool {
	if *r.every != *other.every || r.failure != other.failure || len(r.overrides) != len(other.overrides) {
		return false
	}
	for tenant, one := range r.overrides {
		if two, found := other.overrides[tenant]; !found || *one != *two {
			return false
		}
	}
	return true
}
