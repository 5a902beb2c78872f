package front

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// requestBody is the body of a request. It belongs to the conn, which serves one
// request at a time.
type requestBody struct {
	conn    *conn
	content http1.Content
	some    bool // there is a body
	closed  atomic.Bool
	reading sync.Mutex // held in Read
}

// begin makes it the body of the conn's request.
func (b *requestBody) begin() {
	b.content.Of(b.conn.reader, &b.conn.req)
	b.closed.Store(false)
	if b.some = !b.content.Finished(); b.some {
		b.conn.req.Body = b
	}
}

// Read reads the body. What is wrong with its coding is an *http1.Error.
func (b *requestBody) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.closed.Load() {
		return 0, http1.ErrClosed
	}
	if !b.content.Ready() {
		if err := b.conn.armRead(b.conn.server.options.BodyTimeout); err != nil {
			return 0, err
		}
		if b.closed.Load() { // the deadline of Close may have been set over
			return 0, http1.ErrClosed
		}
	}
	n, err := b.content.Read(p)
	if err != nil && b.closed.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		err = http1.ErrClosed // it is Close that ended the waiting
	}
	return n, err
}

// Ready tells whether Read returns at once.
func (b *requestBody) Ready() bool { return b.content.Ready() }

// Close makes a Read return, and no other read anything.
func (b *requestBody) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	if b.reading.TryLock() {
		b.reading.Unlock()
		return nil
	}
	return b.conn.nc.SetReadDeadline(time.Unix(1, 0))
}

// here tells whether what is left of the body costs no waiting.
func (b *requestBody) here() bool {
	if !b.reading.TryLock() {
		return false
	}
	defer b.reading.Unlock()
	return b.content.Here()
}

// finish ends the use of the body, and tells whether the next request follows
// right after it.
func (b *requestBody) finish() bool {
	if !b.some {
		return true
	}
	_ = b.Close() // it fails only where the connection is closed
	b.reading.Lock()
	defer b.reading.Unlock()
	b.conn.reading = time.Time{} // whoever read, or closed, has set another deadline
	var rest [512]byte
	for b.content.Here() && !b.content.Finished() {
		if _, err := b.content.Read(rest[:]); err != nil {
			break
		}
	}
	return b.content.Finished()
}
