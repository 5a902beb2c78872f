package proxy

import (
	"context"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// Authorizer decides who calls and whether they may.
type Authorizer interface {
	// Authorize returns who calls, nil for nobody, or why the request may not
	// pass: every one of the policies, at least one, must let it pass. It reads
	// x.Request and x.Config (keys, tenants), MUST NOT change x, and is called
	// by many goroutines at once. The Identity is shared and never changed.
	Authorize(ctx context.Context, x *exchange.Exchange, policies []*gateway.Authorization) (*gateway.Identity, *exchange.Refusal)
}

// Limiter counts requests against budgets.
type Limiter interface {
	// Take charges one request to the budget of the policy that the caller has,
	// or says that it is used up. Budgets are those of the policy's name,
	// whatever route, listener or Config the request came by.
	Take(ctx context.Context, request *exchange.LimitRequest) exchange.Decision
}

// Fairness lets requests in to a backend, so that no tenant crowds the others out.
type Fairness interface {
	// Enter waits for its turn at the backend with that ID, or returns an error:
	// the context's, or that the request is shed.
	Enter(ctx context.Context, backend, tenant string) (exchange.Pass, error)
}

// Observer learns of requests.
type Observer interface {
	// Start is called when a request has come in; it may set x.TraceParent.
	Start(x *exchange.Exchange)
	// Done is called once for each request, after the last byte of its answer. It
	// MUST NOT keep x or its strings.
	Done(x *exchange.Exchange)
}

// Nobody is the Authorizer of a gateway that has none: rules with policies are
// refused, for a guard that is missing must not open the door.
type Nobody struct{}

// Authorize refuses.
func (Nobody) Authorize(context.Context, *exchange.Exchange, []*gateway.Authorization) (*gateway.Identity, *exchange.Refusal) {
	return nil, &exchange.Refusal{
		Status: 503, Detail: "The gateway cannot check who calls. Try again later.",
		Reason: "no authorizer is configured",
	}
}

// Unlimited is the Limiter that lets all pass.
type Unlimited struct{}

// Take allows.
func (Unlimited) Take(context.Context, *exchange.LimitRequest) exchange.Decision {
	return exchange.Decision{Allowed: true}
}

// Unfair is the Fairness that lets all in at once.
type Unfair struct{}

// Enter lets in.
func (Unfair) Enter(context.Context, string, string) (exchange.Pass, error) { return Unfair{}, nil }

// Leave forgets.
func (Unfair) Leave(exchange.Outcome) {}

// Unobserved is the Observer that looks away.
type Unobserved struct{}

// Start does nothing.
func (Unobserved) Start(*exchange.Exchange) {}

// Done does nothing.
func (Unobserved) Done(*exchange.Exchange) {}

// The defaults are what they say.
var (
	_ Authorizer = Nobody{}
	_ Limiter    = Unlimited{}
	_ Fairness   = Unfair{}
	_ Observer   = Unobserved{}
)
