package upstream

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// lead is what is sent in one piece at the beginning: the head, and the body
// where it is small.
type lead struct {
	bytes   []byte
	streams bool // the body follows, piece by piece
	upgrade bool
}

const (
	// smallBody is read as a whole before a connection is taken, so that a slow
	// client keeps no connection busy.
	smallBody = 32 << 10
	piece     = 32 << 10 // of a body that is streamed
)

var (
	leads  = sync.Pool{New: func() any { return &lead{bytes: make([]byte, 0, 4<<10)} }}
	pieces = sync.Pool{New: func() any { return new([http1.ChunkHead + piece + 2]byte) }}
)

func (l *lead) free() {
	if cap(l.bytes) <= 2*smallBody {
		leads.Put(l)
	}
}

// prepare writes the head, and reads the body where it is small.
func prepare(endpoint netip.AddrPort, req *http1.Request, protocol string) (*lead, error) {
	l := leads.Get().(*lead)
	l.bytes = http1.AppendRequest(l.bytes[:0], req)
	l.streams, l.upgrade = false, protocol != ""
	if l.upgrade {
		l.bytes = append(l.bytes[:len(l.bytes)-len("\r\n")], "Connection: Upgrade\r\n"...)
		l.bytes = append(http1.AppendField(l.bytes, "Upgrade", protocol), "\r\n"...)
	}
	switch {
	case req.Body == nil || req.ContentLength == 0:
	case req.ContentLength < 0 || req.ContentLength > smallBody:
		l.streams = true
	default:
		if err := l.readBody(req); err != nil {
			l.free()
			return nil, &Error{ErrBody, endpoint, err}
		}
	}
	return l, nil
}

func (l *lead) readBody(req *http1.Request) error {
	head, size := len(l.bytes), int(req.ContentLength)
	if need := head + size; cap(l.bytes) < need {
		l.bytes = append(make([]byte, 0, need), l.bytes...)
	}
	l.bytes = l.bytes[:head+size]
	_, err := io.ReadFull(req.Body, l.bytes[head:])
	return err
}

// sender sends a body while the answer may come already.
type sender struct {
	done    chan struct{} // closed when nothing more is sent or read
	bodyErr error         // what reading the body failed with
	failed  bool          // not all of the body was sent
	last    atomic.Bool   // the last piece is being sent
}

// lastPiece is how long to wait for the last piece of a body whose answer is
// complete: the sender was only not told yet that it is gone.
const lastPiece = 100 * time.Millisecond

// finished tells whether all of the body was sent.
func (s *sender) finished(clock clock.Clock) bool {
	select {
	case <-s.done:
		return !s.failed
	default:
	}
	if !s.last.Load() {
		return false
	}
	late := clock.NewTimer(lastPiece)
	defer late.Stop()
	select {
	case <-s.done:
		return !s.failed
	case <-late.C():
		return false
	}
}

// send sends the head and begins to send the body.
func (c *conn) send(deadline time.Time, req *http1.Request, head []byte) error {
	if c.kept && !silent(c.socket) {
		return errStale
	}
	if _, err := c.nc.Write(head); err != nil {
		if c.kept {
			return errStale // nothing of the body is gone
		}
		return err
	}
	s := &sender{done: make(chan struct{})}
	c.sending = s
	go s.run(c, req.Body, req.ContentLength, deadline.IsZero())
	return nil
}

// run owns the body until it closes done.
func (s *sender) run(c *conn, from io.Reader, length int64, extend bool) {
	defer close(s.done)
	buf := pieces.Get().(*[http1.ChunkHead + piece + 2]byte)
	defer pieces.Put(buf)
	s.failed = true
	for left := length; ; {
		n, err := from.Read(buf[http1.ChunkHead : http1.ChunkHead+piece])
		if left >= 0 {
			left -= int64(n)
		}
		over := errors.Is(err, io.EOF)
		switch {
		case err != nil && !over:
			s.bodyErr = err
		case length >= 0 && (left < 0 || (over && left > 0)):
			s.bodyErr = fmt.Errorf("%w: it is not as long as it was said to be", io.ErrUnexpectedEOF)
		}
		if s.bodyErr != nil {
			c.interrupt()
			return
		}
		over = over || (length >= 0 && left == 0)
		s.last.Store(over)
		if _, err := c.nc.Write(framed(buf, n, length < 0, over)); err != nil {
			return // the answer, or its lack, says why
		}
		if over {
			s.failed = false
			return
		}
		if extend {
			// It fails only where the connection is closed, and then so does Write.
			_ = c.nc.SetDeadline(c.pool.options.Clock.Now().Add(c.pool.options.BodyTimeout))
		}
	}
}

// framed returns the n bytes after the room for a chunk's head as they are sent.
func framed(buf *[http1.ChunkHead + piece + 2]byte, n int, chunked, over bool) []byte {
	if !chunked {
		return buf[http1.ChunkHead : http1.ChunkHead+n]
	}
	from, to := http1.ChunkHead, http1.ChunkHead
	if n > 0 {
		from, to = 0, http1.ChunkHead+n+2
		http1.PutChunkHead(buf[:], n)
		buf[to-2], buf[to-1] = '\r', '\n'
	}
	out := buf[from:to]
	if over {
		out = http1.AppendTrailer(out, nil)
	}
	return out
}
