package proxy

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// pauses bound how long a client of net/http's front may send nothing of a body it
// has begun, and read nothing of its answer. A quarter may come on top.
type pauses struct{ read, write time.Duration }

// patience moves a connection's deadline on as long as something happens. It touches
// the deadline only when less than the pause is left, which most requests never see.
// Deadlines are the kernel's business, so the time is the real one.
type patience struct {
	pause time.Duration
	set   func(time.Time) error
	until time.Time
}

// renew gives the client another pause.
func (p *patience) renew() {
	now := time.Now()
	if p.pause <= 0 || p.until.Sub(now) >= p.pause {
		return
	}
	p.until = now.Add(p.pause + p.pause/4)
	_ = p.set(p.until) // it fails only where the connection is closed, or cannot have one
}

// rest lets the connection wait for as long as it takes.
func (p *patience) rest() {
	if p.pause > 0 {
		p.until = time.Time{}
		_ = p.set(p.until) // as above
	}
}

var errClosedBody = errors.New("the body is closed")

// clientBody is a request's body that does not wait for a client for ever, and whose
// Close ends a Read that goes on: what net/http's does with HTTP/2 only.
type clientBody struct {
	io.ReadCloser
	of        *http.ResponseController
	interrupt bool
	patience  patience
	closed    atomic.Bool
}

// Read reads what comes within a pause.
func (b *clientBody) Read(p []byte) (int, error) {
	b.patience.renew()
	if b.closed.Load() { // the deadline that Close sets may have been moved
		return 0, errClosedBody
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.patience.rest() // from now on the client waits for us
	case err != nil && b.closed.Load() && time.Now().Before(b.patience.until):
		err = errClosedBody // and not late
	}
	return n, err
}

// Close ends the use of the body. net/http gives the connection up afterwards,
// for it does not know where the next request would begin.
func (b *clientBody) Close() error {
	b.closed.Store(true)
	if b.interrupt && b.of.SetReadDeadline(time.Unix(1, 0)) == nil {
		return nil
	}
	return b.ReadCloser.Close()
}
