package exchange

import (
	"net/netip"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// Refusal is a request that may not pass.
type Refusal struct {
	// Status is 401, 403 or, where the decision could not be made, 503.
	Status int
	// Detail tells the client what is wrong and what to do. It leaks nothing.
	Detail string
	// Challenge is the WWW-Authenticate field of a 401, or "".
	Challenge string
	// Reason is for the access log.
	Reason string
}

// LimitRequest is what a limiter decides about.
type LimitRequest struct {
	Policy *gateway.RateLimit
	// Identity is nil for nobody: then Remote tells callers apart where the
	// policy's scope is not the whole gateway.
	Identity *gateway.Identity
	// Remote is the client's address.
	Remote netip.Addr
	// Now is the time of the request.
	Now time.Time
}

// Decision is what a limiter says of one request.
type Decision struct {
	// Allowed is false for a request that is over the rate.
	Allowed bool
	// Unavailable is set with Allowed false where the shared store cannot be
	// asked and the policy says Closed: 503 instead of 429.
	Unavailable bool
	// Limit, Window and Remaining go to the client; Limit 0 means none apply.
	Limit     int64
	Window    time.Duration
	Remaining int64
	// Reset is how long until the whole budget is there again, RetryAfter how
	// long until one more request passes.
	Reset, RetryAfter time.Duration
}

// Outcome tells fairness how a request that was let in went.
type Outcome struct {
	// Latency is from entering to the backend's answer.
	Latency time.Duration
	// Failed is a backend that did not answer, or with 503 or 504: it may be
	// overloaded. Dropped means the client went away: nothing can be learnt.
	Failed, Dropped bool
}

// Pass is the right to occupy a backend; it MUST be left once.
type Pass interface {
	Leave(Outcome)
}
