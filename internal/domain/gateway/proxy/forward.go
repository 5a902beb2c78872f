package proxy

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/balance"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/shape"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// Attempts beyond the first that a request gets whatever its rule says, where no
// endpoint has seen it.
const unseenAttempts = 2

// defaultBackoff is the least pause before a retry where the rule says none.
const defaultBackoff = 25 * time.Millisecond

// forward has a backend answer.
func (f *flow) forward() {
	pool := f.pool()
	if pool == nil {
		f.refuse(http.StatusInternalServerError, exchange.FlagNoCluster, "the backend reference is invalid", "The gateway's configuration for this path is not complete.")
		return
	}
	f.x.Backend = pool.Backend
	ctx, cancel := f.bounded(f.ctx, f.found.Rule.Timeouts.Request, f.proxy.defaults.request)
	defer cancel()
	pass, err := f.proxy.fairness.Enter(ctx, pool.Backend.ID, f.x.Tenant())
	if err != nil {
		f.notEntered(ctx, err)
		return
	}
	entered := f.proxy.clock.Now()
	f.shapeRequest()
	f.mirror()
	outcome := f.attempts(ctx, pool)
	outcome.Latency = f.x.Upstream
	if outcome.Latency == 0 {
		outcome.Latency = f.proxy.clock.Since(entered)
	}
	pass.Leave(outcome)
}

// pool is the backend's, or nil where the reference is invalid.
func (f *flow) pool() *balance.Pool {
	if pool := f.sessionPool(); pool != nil {
		return pool
	}
	if f.target.slot == noSlot {
		return nil
	}
	return f.snapshot.pools[f.target.slot]
}

func (f *flow) notEntered(ctx context.Context, err error) {
	if ctx.Err() != nil {
		f.fail(ctx, ctx.Err())
		return
	}
	f.response.Header.Add("Retry-After", "1")
	f.refuse(http.StatusServiceUnavailable, exchange.FlagOverload, err.Error(), "The service has more requests than it can take. Try again later.")
}

// bounded bounds a context: by what a rule says, else by the default; negative
// is no bound.
func (f *flow) bounded(ctx context.Context, by, otherwise time.Duration) (context.Context, context.CancelFunc) {
	if by == 0 {
		by = otherwise
	}
	if by <= 0 {
		return ctx, nothing
	}
	return context.WithTimeout(ctx, by)
}

func nothing() {}

// attempts asks endpoints until there is an answer to send.
func (f *flow) attempts(ctx context.Context, pool *balance.Pool) exchange.Outcome {
	started := f.proxy.clock.Now()
	var last *balance.Endpoint
	for {
		endpoint, err := f.pick(pool, last)
		if err != nil {
			f.unpicked(err)
			return exchange.Outcome{Failed: true}
		}
		f.x.Attempts++
		f.x.Endpoint, last = endpoint.Address, endpoint
		bounded, cancel := f.bounded(ctx, f.found.Rule.Timeouts.Backend, f.proxy.defaults.backend)
		err = f.attempt(bounded, pool, endpoint)
		f.x.Upstream = f.proxy.clock.Since(started)
		if f.again(ctx, pool, err) {
			f.discard()
			pool.Done(endpoint, resultOf(err), f.proxy.clock.Now())
			cancel()
			continue
		}
		outcome := f.conclude(ctx, err)
		pool.Done(endpoint, resultOf(err), f.proxy.clock.Now())
		cancel()
		return outcome
	}
}

// pick chooses an endpoint, that of the session first.
func (f *flow) pick(pool *balance.Pool, last *balance.Endpoint) (*balance.Endpoint, error) {
	now := f.proxy.clock.Now()
	if f.session != "" && last == nil {
		if e := pool.PickSession(f.session, now); e != nil {
			return e, nil
		}
	}
	e, err := pool.Pick(now, last)
	if err == nil && f.found.Rule.Persistence != nil {
		f.session = e.Session
	}
	return e, err
}

func (f *flow) unpicked(err error) {
	flag := exchange.FlagOverflow
	if errors.Is(err, balance.ErrNone) {
		flag = exchange.FlagNoHealthy
	}
	f.refuse(http.StatusServiceUnavailable, flag, err.Error(), "The service is not available. Try again later.")
}

// attempt asks one endpoint.
func (f *flow) attempt(ctx context.Context, pool *balance.Pool, endpoint *balance.Endpoint) error {
	request := f.x.Request
	if f.inbound != nil {
		body := request.Body
		request.Body = &leg{in: f.inbound}
		defer func() { request.Body = body }()
	}
	if upgrades(request) {
		return f.upgrade(ctx, pool.Backend, endpoint.Endpoint)
	}
	return f.proxy.transport.RoundTrip(ctx, pool.Backend, endpoint.Endpoint, request, &f.response)
}

// discard drops the answer of an attempt that is repeated.
func (f *flow) discard() {
	if f.response.Body != nil {
		_ = f.response.Body.Close() // nobody wants the rest
	}
	f.response.Reset()
}

// again tells whether there is to be another attempt, and waits until its time.
func (f *flow) again(ctx context.Context, pool *balance.Pool, err error) bool {
	if f.x.Upgraded || ctx.Err() != nil || f.ctx.Err() != nil || !f.inbound.again() {
		return false
	}
	if unseen(err) && f.x.Attempts <= unseenAttempts {
		return true
	}
	if errors.Is(err, upstream.ErrReused) && (idempotent(f.x.Method) || f.x.Request.ContentLength == 0 && f.grpc) && f.x.Attempts <= unseenAttempts {
		return true
	}
	retry := f.found.Rule.Retry
	if retry == nil || f.x.Attempts > retry.Attempts || !idempotent(f.x.Method) || !f.calls(err) {
		return false
	}
	percent := retry.BudgetPercent
	if percent == 0 {
		percent = 20
	}
	if f.x.Attempts == 1 {
		pool.Budget().Deposit(percent)
	}
	return pool.Budget().Withdraw(f.proxy.clock.Now()) && f.pause(ctx, retry.Backoff)
}

// calls tells whether a result calls for a retry.
func (f *flow) calls(err error) bool {
	switch {
	case err == nil:
		return f.found.Plan.retries(f.response.Status)
	case errors.Is(err, upstream.ErrTimeout):
		return f.found.Plan.retries(http.StatusGatewayTimeout)
	}
	return !errors.Is(err, upstream.ErrBody) && !errors.Is(err, upstream.ErrCanceled)
}

// unseen tells of failures after which no endpoint has seen the request.
func unseen(err error) bool {
	return errors.Is(err, upstream.ErrDial)
}

func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodTrace:
		return true
	}
	return false
}

// pause waits before a retry, twice as long before each, and tells whether the
// request still has time.
func (f *flow) pause(ctx context.Context, backoff time.Duration) bool {
	if backoff <= 0 {
		backoff = defaultBackoff
	}
	timer := f.proxy.clock.NewTimer(backoff << min(f.x.Attempts-1, 6))
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	}
}

func resultOf(err error) balance.Result {
	switch {
	case err == nil:
		return balance.Answered
	case errors.Is(err, upstream.ErrDial), errors.Is(err, upstream.ErrTLS), errors.Is(err, upstream.ErrProtocol), errors.Is(err, upstream.ErrReset):
		return balance.Failed
	}
	return balance.Unknown
}

// conclude sends the answer, or says that there is none.
func (f *flow) conclude(ctx context.Context, err error) exchange.Outcome {
	if f.x.Upgraded {
		return exchange.Outcome{}
	}
	if err != nil {
		f.response.Reset()
		return f.fail(ctx, err)
	}
	status := f.response.Status
	shapeAll(&f.response.Header, f.target)
	if f.target.cors != nil && f.origin == "" {
		f.target.cors.Decorate("", &f.response.Header)
	}
	f.persist()
	f.decorate()
	if err := f.send(); err != nil {
		f.cut(err)
	}
	if f.response.Body != nil {
		_ = f.response.Body.Close() // what was not read was not wanted
	}
	return exchange.Outcome{Failed: status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout}
}

// cut notes why an answer did not reach its end.
func (f *flow) cut(err error) {
	f.x.Flag, f.x.Reason = exchange.FlagClientGone, err.Error()
	if _, ok := errors.AsType[*exchange.BodyError](err); !ok {
		return
	}
	f.x.Flag = exchange.FlagReset
	if errors.Is(err, upstream.ErrTimeout) {
		f.x.Flag = exchange.FlagTimeout
	}
}

// fail answers for a backend that did not.
func (f *flow) fail(ctx context.Context, err error) exchange.Outcome {
	const try = "The service did not answer as it should. Try again later."
	reason := err.Error()
	switch {
	case f.inbound != nil && f.inbound.large():
		f.tooLarge()
		return exchange.Outcome{Dropped: true}
	case f.inbound != nil && f.inbound.late(): // net/http takes a late client for one that is gone
		f.refuse(http.StatusRequestTimeout, exchange.FlagClientGone, reason, "The request's body did not come in time.")
		return exchange.Outcome{Dropped: true}
	case f.ctx.Err() != nil && !errors.Is(f.ctx.Err(), context.DeadlineExceeded):
		f.x.Status, f.x.Flag, f.x.Reason = statusClientGone, exchange.FlagClientGone, reason
		return exchange.Outcome{Dropped: true}
	case errors.Is(err, upstream.ErrBody):
		f.refuse(http.StatusBadRequest, exchange.FlagClientGone, reason, "The request's body could not be read.")
		return exchange.Outcome{Dropped: true}
	case ctx.Err() != nil, f.overdue(), errors.Is(err, upstream.ErrTimeout), errors.Is(err, upstream.ErrCanceled):
		f.refuse(http.StatusGatewayTimeout, exchange.FlagTimeout, reason, "The service did not answer in time.")
	case errors.Is(err, upstream.ErrDial):
		f.refuse(http.StatusServiceUnavailable, exchange.FlagConnectFailure, reason, "The service is not available. Try again later.")
	case errors.Is(err, upstream.ErrTLS):
		f.refuse(http.StatusBadGateway, exchange.FlagConnectFailure, reason, try)
	case errors.Is(err, upstream.ErrProtocol):
		f.refuse(http.StatusBadGateway, exchange.FlagProtocol, reason, try)
	default:
		f.refuse(http.StatusBadGateway, exchange.FlagReset, reason, try)
	}
	return exchange.Outcome{Failed: true}
}

// statusClientGone is what the access log says of clients that did not wait.
const statusClientGone = 499

// webSocket is the one protocol that is tunnelled.
const webSocket = "websocket"

// upgrades tells whether a request asks for WebSocket, among others or alone. A wish
// for anything else is ignored, as RFC 9110, 7.8 allows: what follows it could not be
// guarded, and HTTP/2 is agreed on otherwise.
func upgrades(r *http1.Request) bool {
	return lists(&r.Header, "Upgrade", webSocket) && lists(&r.Header, "Connection", "upgrade")
}

func lists(h *http1.Header, name, token string) bool {
	for value := range h.Values(name) {
		if shape.HasToken(value, token) {
			return true
		}
	}
	return false
}
