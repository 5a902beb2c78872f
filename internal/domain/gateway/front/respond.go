package front

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// buffers hold the head of an answer and pieces of its body.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct{ bytes [16 << 10]byte }

// pending is the room that a piece needs beside its bytes.
const pending = http1.ChunkHead + len("\r\n0\r\n\r\n")

// errTwice is a handler that answers again.
var errTwice = errors.New("front: the request was answered already")

var _ exchange.Responder = (*conn)(nil)

// Respond sends the answer, in one write where all of it is there at once.
func (c *conn) Respond(res *http1.Response) (int64, error) {
	if c.answer.begun {
		return 0, errTwice
	}
	c.answer.begun = true
	if c.server.draining.Load() || (!c.content.here() && res.Status >= http.StatusBadRequest) {
		c.answer.close = true
	}
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	w := writer{conn: c, res: res, as: c.framing(res), buf: b.bytes[:0]}
	w.buf = c.head(w.buf, res, w.as)
	if !w.hasBody() {
		return 0, w.flush()
	}
	n, err := w.body()
	if err != nil {
		c.answer.cut = true
		c.cut(w.as)
	}
	return n, err
}

// Upgrade is never asked of this front: it hands such requests over.
func (c *conn) Upgrade(*http1.Response) (io.ReadWriteCloser, error) {
	return nil, fmt.Errorf("front: %w", errors.ErrUnsupported)
}

// framing decides how the body is sent.
func (c *conn) framing(res *http1.Response) http1.Framing {
	noBody := !http1.HasBody(c.answer.method, res.Status)
	switch {
	case noBody && (res.ContentLength < 0 || res.Status == http.StatusNoContent || res.Status < http.StatusOK):
		return http1.NoContent
	case noBody, res.ContentLength >= 0:
		return http1.Sized
	case res.Body == nil:
		return http1.Sized // its length is 0
	case c.answer.minor > 0:
		return http1.Chunked
	}
	c.answer.close = true
	return http1.Unsized
}

// head appends the head of the answer.
func (c *conn) head(dst []byte, res *http1.Response, as http1.Framing) []byte {
	if res.Body == nil && http1.HasBody(c.answer.method, res.Status) {
		res.ContentLength = 0
	}
	dst = http1.AppendResponse(dst, res, as)
	if !res.Header.Has("date") {
		_, date := c.server.now()
		dst = http1.AppendField(dst, "Date", date)
	}
	switch {
	case c.answer.close:
		dst = append(dst, "Connection: close\r\n"...)
	case c.answer.minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// cut ends a connection whose answer is not complete. Where only the end of the
// connection ends the body, it is made to look like a failure.
func (c *conn) cut(as http1.Framing) {
	if tcp, ok := c.nc.(*net.TCPConn); ok && as == http1.Unsized {
		_ = tcp.SetLinger(0) // without it the client sees an ordinary end
	}
	_ = c.nc.Close() // the client learns that way
}

// writer sends one answer.
type writer struct {
	conn *conn
	res  *http1.Response
	as   http1.Framing
	buf  []byte // what is to be sent; it has room for more
	sent int64  // of the body
}

func (w *writer) hasBody() bool {
	return w.res.Body != nil && http1.HasBody(w.conn.answer.method, w.res.Status)
}

func (w *writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if err := w.conn.armWrite(); err != nil {
		return err
	}
	_, err := w.conn.nc.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// body sends the head that is in the buffer and the body.
func (w *writer) body() (int64, error) {
	watch := watcher{conn: w.conn, body: w.res.Body}
	defer watch.stop()
	soon, tells := w.res.Body.(interface{ Ready() bool })
	for {
		ready := tells && soon.Ready()
		if w.mustFlush(ready) {
			if err := w.flush(); err != nil {
				return w.sent, err
			}
		}
		if !ready && w.res.ContentLength < 0 && w.sent > 0 {
			watch.start()
		}
		over, err := w.piece()
		if err != nil {
			return w.sent, err
		}
		if over {
			watch.stop()
			return w.sent, w.flush()
		}
	}
}

// mustFlush tells whether what there is has to go before the next piece is
// waited for. A head alone waits for a body whose length is known.
func (w *writer) mustFlush(ready bool) bool {
	const least = 2 << 10
	if cap(w.buf)-len(w.buf) < pending+least {
		return true
	}
	return !ready && (w.sent > 0 || w.res.ContentLength < 0)
}

// piece reads a piece of the body and puts it into the buffer as it is sent.
func (w *writer) piece() (over bool, err error) {
	from := len(w.buf)
	to := cap(w.buf) - pending
	if w.as == http1.Chunked {
		from += http1.ChunkHead
	}
	if left := w.left(); left >= 0 && int64(to-from) > left+1 {
		to = from + int(left) + 1 // a byte more would tell that it is too long
	}
	n, err := w.res.Body.Read(w.buf[:cap(w.buf)][from:to])
	over = errors.Is(err, io.EOF)
	if err != nil && !over {
		return false, &exchange.BodyError{Err: err}
	}
	w.sent += int64(n)
	switch left := w.left(); {
	case w.as == http1.Sized && (w.sent > w.res.ContentLength || (over && left > 0)):
		return false, &exchange.BodyError{Err: errLength}
	case w.as == http1.Chunked:
		w.chunk(n, over)
	default:
		w.buf = w.buf[:from+n]
		over = over || left == 0
	}
	return over, nil
}

var errLength = fmt.Errorf("%w: the body is not as long as was said", io.ErrUnexpectedEOF)

// left is how much of a body of known length is to come, else -1.
func (w *writer) left() int64 {
	if w.as != http1.Sized {
		return -1
	}
	return w.res.ContentLength - w.sent
}

// chunk makes n bytes that were read behind the buffer's end a chunk.
func (w *writer) chunk(n int, over bool) {
	from := len(w.buf)
	if n > 0 {
		w.buf = w.buf[:from+http1.ChunkHead+n]
		http1.PutChunkHead(w.buf[from:], n)
		w.buf = append(w.buf, "\r\n"...)
	}
	if over {
		w.buf = http1.AppendTrailer(w.buf, w.res.Trailer)
	}
}

// problemOf is the answer to a request that could not be read.
func problemOf(refused *http1.Error, s *Server) []byte {
	body := fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"detail":%q}`+"\n",
		http.StatusText(refused.Status), refused.Status, "The request is not HTTP as it is spoken here: "+refused.Reason+".")
	_, date := s.now()
	res := http1.Response{Status: refused.Status, ContentLength: int64(len(body))}
	out := http1.AppendResponse(nil, &res, http1.Sized)
	out = http1.AppendField(out, "Content-Type", "application/problem+json")
	out = http1.AppendField(out, "Date", date)
	out = http1.AppendField(out, "Connection", "close")
	return append(append(out, "\r\n"...), body...)
}
