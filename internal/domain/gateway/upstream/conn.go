package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// conn is one connection to an endpoint. One exchange uses it at a time.
type conn struct {
	pool    *pool
	nc      net.Conn
	raw     syscall.RawConn // nil where nc is no socket, such as with TLS
	socket  syscall.RawConn // below TLS; nil where there is no socket at all
	reader  *http1.Reader
	content http1.Content
	body    body

	out       []byte // what is to be sent before the next read; not the conn's
	kept      bool   // an exchange has been finished on it
	last      bool   // the endpoint closes it after this answer
	armed     time.Time
	idleSince time.Time
	exchanger exchanger
	sending   *sender     // a body that is sent while the answer is read
	stopWatch func() bool // ends the watch of a context; nil for none
	broken    atomic.Bool
}

func newConn(p *pool, nc, below net.Conn) *conn {
	c := &conn{pool: p, nc: nc}
	c.reader = http1.NewReader(c, p.options.Limits)
	c.body.conn = c
	if socket, ok := below.(syscall.Conn); ok {
		c.socket, _ = socket.SyscallConn() // without it, the plain way is taken
	}
	if nc == below {
		c.raw = c.socket
	}
	c.exchanger.init()
	return c
}

func (c *conn) close() {
	c.broken.Store(true)
	_ = c.nc.Close() // nothing can be done about a connection that is given up
}

// Read is the Reader's source: before it reads, it sends what is to be sent.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.out) == 0 {
		return c.nc.Read(p)
	}
	out := c.out
	c.out = nil
	if c.raw != nil {
		rest, n, err := c.exchanger.do(c.raw, out, p)
		if n > 0 || err != nil {
			return n, c.unasked(err)
		}
		out = rest
	} else if c.kept && !silent(c.socket) {
		return 0, errStale
	}
	if _, err := c.nc.Write(out); err != nil {
		return c.readAfter(err, p)
	}
	return c.nc.Read(p)
}

// unasked says what a connection that is not silent means: a new one ought to be.
func (c *conn) unasked(err error) error {
	if errors.Is(err, errStale) && !c.kept {
		return errSpeaksFirst
	}
	return err
}

// readAfter reads although writing failed: an endpoint that refuses a request
// may close before it has read all of it, and its answer says why.
func (c *conn) readAfter(failure error, p []byte) (int, error) {
	if n, err := c.nc.Read(p); n > 0 && err == nil {
		return n, nil
	}
	return 0, failure
}

// arm sets the deadline. An exact one is set as it is. A timeout is set with a
// quarter on top and then left alone until less than the timeout is left, so
// that most exchanges need not touch the runtime's timers.
func (c *conn) arm(deadline time.Time, timeout time.Duration) error {
	if deadline.IsZero() {
		now := c.pool.options.Clock.Now()
		most := timeout + timeout/4
		if left := c.armed.Sub(now); left >= timeout && left <= most {
			return nil
		}
		deadline = now.Add(most)
	}
	c.armed = deadline
	return c.nc.SetDeadline(deadline)
}

// errStale is a kept connection that the endpoint has closed, or on which it
// said something unasked. Nothing was sent on it.
var errStale = errors.New("the connection was not fit for another exchange")

// exchange sends the request and reads the head of the answer, on a connection
// that the caller owns afterwards.
func (p *pool) exchange(ctx context.Context, req *http1.Request, res *http1.Response, protocol string) (*conn, error) {
	lead, err := prepare(p.endpoint, req, protocol)
	if err != nil {
		return nil, err
	}
	defer lead.free()
	for {
		c, err := p.get(ctx)
		if err != nil {
			return nil, err
		}
		err = c.attempt(ctx, req, res, lead)
		if err == nil {
			return c, nil
		}
		c.abandon(req)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if !errors.Is(err, errStale) {
			return nil, c.blame(err, lead)
		}
	}
}

// abandon closes a connection and waits for what is still sent on it.
func (c *conn) abandon(req *http1.Request) {
	c.unwatch()
	c.close()
	if c.sending != nil {
		_ = req.Body.Close() // it makes the sender return
		<-c.sending.done
	}
}

// blame makes an error of a failed attempt.
func (c *conn) blame(err error, lead *lead) error {
	if c.sending != nil && c.sending.bodyErr != nil {
		return &Error{ErrBody, c.pool.endpoint, c.sending.bodyErr}
	}
	if errors.Is(kindOf(err), ErrReset) && c.kept && !lead.streams && len(c.reader.Buffered()) == 0 {
		return &Error{ErrReused, c.pool.endpoint, err}
	}
	return failed(c.pool.endpoint, err)
}

func (c *conn) attempt(ctx context.Context, req *http1.Request, res *http1.Response, lead *lead) error {
	if ctx.Done() != nil {
		// A context that ends interrupts what is going on, to the answer's end.
		c.stopWatch = context.AfterFunc(ctx, c.interrupt)
	}
	deadline, _ := ctx.Deadline()
	if err := c.begin(deadline, req, lead); err != nil {
		return err
	}
	for {
		if err := c.readHead(res); err != nil {
			return err
		}
		if res.Status >= http.StatusOK || res.Status == http.StatusSwitchingProtocols {
			return c.accept(deadline, req, res, lead)
		}
	}
}

// begin sends the request, or has it sent by the first read.
func (c *conn) begin(deadline time.Time, req *http1.Request, lead *lead) error {
	if lead.streams {
		if err := c.arm(deadline, c.pool.options.BodyTimeout); err != nil {
			return err
		}
		return c.send(deadline, req, lead.bytes)
	}
	c.out = lead.bytes
	return c.arm(deadline, c.pool.options.HeadTimeout)
}

// unwatch ends the watch for the context's end. False means that it has come.
func (c *conn) unwatch() bool {
	stop := c.stopWatch
	c.stopWatch = nil
	return stop == nil || stop()
}

func (c *conn) interrupt() {
	c.broken.Store(true)
	_ = c.nc.SetDeadline(time.Unix(1, 0)) // it fails only where the connection is closed
}

func (c *conn) readHead(res *http1.Response) error {
	for {
		complete, err := c.reader.Response(res)
		if err != nil || complete {
			return err
		}
		if err := c.reader.Fill(); err != nil {
			return err
		}
	}
}

var (
	errUnasked     = &http1.Error{Status: http.StatusBadGateway, Reason: "the backend switches protocols unasked"}
	errSpeaksFirst = &http1.Error{Status: http.StatusBadGateway, Reason: "the backend speaks before it is asked, or hangs up"}
	errNoUpgrade   = errors.New("only HTTP/1.1 can be upgraded")
)

// accept takes the head of the final answer.
func (c *conn) accept(deadline time.Time, req *http1.Request, res *http1.Response, lead *lead) error {
	c.last = res.Close
	if res.Status == http.StatusSwitchingProtocols {
		if !lead.upgrade {
			return errUnasked
		}
		return nil
	}
	c.content.OfResponse(c.reader, req.Method, res)
	res.Header.DelHopByHop()
	res.Header.Del("content-length")
	if deadline.IsZero() && !c.content.Here() {
		return c.arm(time.Time{}, c.pool.options.BodyTimeout)
	}
	return nil
}

// handOver gives the answer's body to the caller, or ends the exchange if there
// is none.
func (c *conn) handOver(req *http1.Request, res *http1.Response) {
	c.body.request = req.Body
	c.body.open.Store(true)
	if c.content.Finished() {
		_ = c.body.Close() // it has no error
		return
	}
	res.Body = &c.body
}

// body is the answer's body.
type body struct {
	conn    *conn
	request http1.Body
	open    atomic.Bool
	reading sync.Mutex // held in Read, so that Close can tell
}

// Read reads the answer.
func (b *body) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	n, err := b.conn.content.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, failed(b.conn.pool.endpoint, err)
}

// Ready tells whether Read returns at once.
func (b *body) Ready() bool { return b.conn.content.Ready() }

// Here tells whether all that is left is here.
func (b *body) Here() bool { return b.conn.content.Here() }

// Close ends the exchange. The connection is kept only if nothing of the
// exchange is left on it.
func (b *body) Close() error {
	if !b.open.CompareAndSwap(true, false) {
		return nil
	}
	c := b.conn
	if c.unwatch() && b.complete() {
		if c.sending != nil {
			c.armed = time.Time{} // the sender has set deadlines of its own
		}
		c.sending, c.kept, b.request = nil, true, nil
		c.pool.put(c)
		return nil
	}
	c.close()
	if c.sending != nil {
		_ = b.request.Close() // it makes the sender return
		<-c.sending.done
	}
	return nil
}

// complete tells whether the exchange left nothing on the connection.
func (b *body) complete() bool {
	c := b.conn
	if !b.reading.TryLock() {
		return false // somebody waits for more
	}
	defer b.reading.Unlock()
	return c.content.Finished() && !c.last && !c.broken.Load() && len(c.reader.Buffered()) == 0 &&
		(c.sending == nil || c.sending.finished(c.pool.options.Clock))
}

// Conn is a connection that speaks another protocol now, from the backend's
// first byte after the head of its answer.
type Conn struct {
	net.Conn
	reader *http1.Reader
}

// upgraded takes the connection out of HTTP.
func (c *conn) upgraded() *Conn {
	c.unwatch()
	_ = c.nc.SetDeadline(time.Time{}) // it fails only where the connection is closed
	return &Conn{Conn: c.nc, reader: c.reader}
}

// Read reads what came with the head first.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.reader.Buffered()) > 0 {
		return c.reader.Rest(p), nil
	}
	return c.Conn.Read(p)
}

// CloseWrite tells the backend that nothing more comes, where that can be said.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
