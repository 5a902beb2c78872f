package balance

import (
	"crypto/sha256"
	"encoding/base64"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// What breakers do where a backend does not say.
const (
	DefaultFailures = 5
	DefaultOpenFor  = 5 * time.Second
)

// Endpoint is an address of a backend and what is known of it.
type Endpoint struct {
	// Session tells the endpoint from the others of its backend, without saying
	// what its address is.
	Session string
	// Endpoint is where it is.
	gateway.Endpoint

	inflight atomic.Int32
	failures atomic.Int32
	// openUntil is 0 while the breaker is closed, else when the next probe may
	// go, in nanoseconds.
	openUntil atomic.Int64
}

func newEndpoint(backend string, endpoint gateway.Endpoint, key []byte) *Endpoint {
	sum := sha256.New()
	sum.Write(key)
	sum.Write([]byte(backend + "\x00" + endpoint.Address.String()))
	return &Endpoint{Endpoint: endpoint, Session: base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:15])}
}

// Inflight is how many requests the endpoint has.
func (e *Endpoint) Inflight() int { return int(e.inflight.Load()) }

// Open tells whether the breaker is open.
func (e *Endpoint) Open() bool { return e.openUntil.Load() != 0 }

// take occupies the endpoint, unless its breaker is open and it is not yet time
// for a probe.
func (e *Endpoint) take(now time.Time, openFor time.Duration) bool {
	until := e.openUntil.Load()
	if until != 0 {
		if now.UnixNano() < until || !e.openUntil.CompareAndSwap(until, now.Add(openFor).UnixNano()) {
			return false
		}
	}
	e.inflight.Add(1)
	return true
}

// Result is how an attempt went, as far as the endpoint is concerned.
type Result int

// The results of attempts.
const (
	// Answered is an endpoint that answered, whatever it said.
	Answered Result = iota
	// Failed is one that could not be connected to or did not speak HTTP.
	Failed
	// Unknown is an attempt that was given up before either was known.
	Unknown
)

// Done ends what Pick began.
func (p *Pool) Done(e *Endpoint, result Result, now time.Time) {
	e.inflight.Add(-1)
	p.shared.inflight.Add(-1)
	switch result {
	case Answered:
		if e.failures.Load() != 0 {
			e.failures.Store(0)
		}
		if e.openUntil.Load() != 0 {
			e.openUntil.Store(0)
		}
	case Failed:
		if int(e.failures.Add(1)) >= p.failures {
			e.openUntil.Store(now.Add(p.openFor).UnixNano())
		}
	case Unknown:
	}
}
