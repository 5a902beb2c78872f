package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// rate is what one policy said.
type rate struct {
	policy   *gateway.RateLimit
	decision exchange.Decision
}

// charge takes the request from the budgets of all policies, up to the first
// that is used up.
func (f *flow) charge() bool {
	if len(f.target.limits) == 0 {
		return true
	}
	request := exchange.LimitRequest{Identity: f.x.Identity, Remote: f.x.Request.Remote.Addr().Unmap(), Now: f.x.Start}
	for _, policy := range f.target.limits {
		request.Policy = policy
		decision := f.proxy.limiter.Take(f.ctx, &request)
		if decision.Unavailable {
			f.response.Header.Add("Retry-After", "1")
			return f.refuse(http.StatusServiceUnavailable, exchange.FlagRateLimited, "the shared store of "+policy.Name+" cannot be asked",
				"The gateway cannot check rate limits. Try again later.")
		}
		if decision.Limit > 0 {
			f.rates = append(f.rates, rate{policy, decision})
		}
		if !decision.Allowed {
			after := strconv.FormatInt(seconds(decision.RetryAfter), 10)
			f.response.Header.Add("Retry-After", after)
			return f.refuse(http.StatusTooManyRequests, exchange.FlagRateLimited, "RateLimitPolicy "+policy.Name,
				"The rate limit is used up. Try again in "+after+" s.")
		}
	}
	return true
}

// seconds rounds up, to at least one.
func seconds(d time.Duration) int64 {
	return max(1, int64((d+time.Second-1)/time.Second))
}

// tellRates adds RateLimit and RateLimit-Policy (draft 11 of the IETF's RateLimit
// fields), and the older fields for the policy that is nearest to its end.
func (f *flow) tellRates(h *http1.Header) {
	tightest := &f.rates[0]
	policies, limits := make([]byte, 0, 64), make([]byte, 0, 64)
	for i := range f.rates {
		r := &f.rates[i]
		if r.decision.Remaining < tightest.decision.Remaining {
			tightest = r
		}
		if i > 0 {
			policies, limits = append(policies, ", "...), append(limits, ", "...)
		}
		name := r.policy.Name[strings.LastIndexByte(r.policy.Name, '/')+1:]
		policies = strconv.AppendInt(append(append(append(policies, '"'), name...), `";q=`...), r.decision.Limit, 10)
		policies = strconv.AppendInt(append(policies, ";w="...), seconds(r.decision.Window), 10)
		limits = strconv.AppendInt(append(append(append(limits, '"'), name...), `";r=`...), max(0, r.decision.Remaining), 10)
		limits = strconv.AppendInt(append(limits, ";t="...), seconds(r.decision.Reset), 10)
	}
	h.Set("RateLimit-Policy", f.keep(policies))
	h.Set("RateLimit", f.keep(limits))
	h.Set("X-RateLimit-Limit", f.keep(strconv.AppendInt(policies[:0], tightest.decision.Limit, 10)))
	h.Set("X-RateLimit-Remaining", f.keep(strconv.AppendInt(policies[:0], max(0, tightest.decision.Remaining), 10)))
	h.Set("X-RateLimit-Reset", f.keep(strconv.AppendInt(policies[:0], seconds(tightest.decision.Reset), 10)))
}

// keep copies a text into the arena.
func (f *flow) keep(text []byte) string {
	from := len(f.arena)
	f.arena = append(f.arena, text...)
	return f.made(from)
}
