package front

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// conn is one connection of a client, served by one goroutine.
type conn struct {
	server *Server
	nc     net.Conn
	secure *tls.Conn // nil for plain text
	tls    *tls.ConnectionState
	remote netip.AddrPort
	ctx    context.Context

	reader   *http1.Reader
	req      http1.Request
	content  requestBody
	exchange exchange.Exchange

	reading, writing time.Time // the deadlines that are set
	state            atomic.Int32
	answer           answer
}

// What a connection is doing.
const (
	waiting int32 = iota // for a request
	working              // on one
	ending               // none comes after
)

// answer is what is known of the answer to the request at hand, whatever the
// handler has made of the request.
type answer struct {
	method string
	minor  int

	begun bool // something was sent
	close bool // the connection ends with it
	cut   bool // it could not be completed
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, nc: nc, ctx: context.Background()}
	c.secure, _ = nc.(*tls.Conn)
	if address, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		ap := address.AddrPort()
		c.remote = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	c.content.conn = c
	return c
}

// serve serves all requests of the connection, and closes it unless it was
// handed over.
func (c *conn) serve() {
	defer c.survive()
	if c.secure != nil && !c.handshake() {
		return
	}
	c.reader = http1.NewReader(c.nc, c.server.options.Limits)
	for first := true; ; first = false {
		if err := c.await(first); err != nil {
			c.refuse(err)
			return
		}
		if c.foreign() {
			return
		}
		if !c.exchangeOne() {
			c.end()
			return
		}
	}
}

// survive keeps a fault in the handling of one connection from all others.
func (c *conn) survive() {
	if fault := recover(); fault != nil {
		c.server.options.Logger.Error("a request crashed its connection", "fault", fault, "stack", string(debug.Stack()))
		_ = c.nc.Close() // the client learns that way
	}
}

// handshake secures the connection. HTTP/2 is net/http's.
func (c *conn) handshake() bool {
	ctx, cancel := context.WithTimeout(c.ctx, c.server.options.HeadTimeout)
	defer cancel()
	if err := c.secure.HandshakeContext(ctx); err != nil {
		_ = c.nc.Close() // the handshake has failed already
		return false
	}
	state := c.secure.ConnectionState()
	if state.NegotiatedProtocol == "h2" {
		c.server.handed.give(c.nc, nil)
		return false
	}
	c.tls = &state
	return true
}

// http2 is what a client that knows that it speaks HTTP/2 begins with.
var http2 = []byte("PRI * HTTP/2.0\r\n")

// errHTTP2 is a connection that begins so.
var errHTTP2 = errors.New("the client speaks HTTP/2")

// await reads the head of the next request.
func (c *conn) await(first bool) error {
	if len(c.reader.Buffered()) == 0 {
		if err := c.idle(); err != nil {
			return err
		}
	}
	if !c.state.CompareAndSwap(waiting, working) {
		return io.EOF
	}
	c.exchange.Reset()
	start, _ := c.server.now()
	for patient := true; ; patient = false {
		if first && bytes.HasPrefix(c.reader.Buffered(), http2) {
			return errHTTP2
		}
		complete, err := c.reader.Request(&c.req)
		if err != nil || complete {
			c.exchange.Start = start
			return err
		}
		if patient { // all of the head in that time, however it comes
			c.reading = start.Add(c.server.options.HeadTimeout)
			if err := c.nc.SetReadDeadline(c.reading); err != nil {
				return err
			}
		}
		if err := c.reader.Fill(); err != nil {
			return err
		}
	}
}

// idle waits for the first byte of a request.
func (c *conn) idle() error {
	if err := c.armRead(c.server.options.IdleTimeout); err != nil {
		return err
	}
	if c.state.Load() == ending { // its deadline may have been set over
		return io.EOF
	}
	return c.reader.Fill()
}

// due is the deadline for a timeout: with a quarter on top, and then left alone until
// less than the timeout is left, so most requests need not touch the runtime's timers.
func (c *conn) due(was time.Time, timeout time.Duration) (until time.Time, move bool) {
	now, most := c.server.options.Clock.Now(), timeout+timeout/4
	if left := was.Sub(now); left >= timeout && left <= most {
		return was, false
	}
	return now.Add(most), true
}

// armRead sets the deadline for reading.
func (c *conn) armRead(timeout time.Duration) error {
	until, move := c.due(c.reading, timeout)
	if !move {
		return nil
	}
	c.reading = until
	return c.nc.SetReadDeadline(until)
}

// armWrite sets the deadline for writing.
func (c *conn) armWrite() error {
	until, move := c.due(c.writing, c.server.options.WriteTimeout)
	if !move {
		return nil
	}
	c.writing = until
	return c.nc.SetWriteDeadline(until)
}

// foreign hands the connection over if the request is none for this front.
func (c *conn) foreign() bool {
	if !c.req.Upgrade && !c.req.Expect && c.req.Method != http.MethodConnect && c.req.Path != "*" {
		return false
	}
	c.reader.Unread()
	c.handOver()
	return true
}

func (c *conn) handOver() {
	_ = c.nc.SetDeadline(time.Time{}) // it fails only where the connection is closed
	c.server.handed.give(c.nc, bytes.Clone(c.reader.Buffered()))
}

// exchangeOne has the request answered, and tells whether another can follow.
func (c *conn) exchangeOne() bool {
	c.req.Scheme, c.req.Remote, c.req.TLS = "http", c.remote, c.tls
	if c.tls != nil {
		c.req.Scheme = "https"
	}
	c.content.begin()
	c.answer = answer{method: c.req.Method, minor: c.req.Minor, close: c.req.Close}
	c.exchange.Request = &c.req
	c.server.handler.ServeExchange(c.ctx, c.server.socket, c, &c.exchange)
	if !c.answer.begun {
		return false // nobody answered: the client may not wait for ever
	}
	if !c.content.finish() || c.answer.close || c.answer.cut {
		return false
	}
	return c.state.CompareAndSwap(working, waiting) && !c.server.draining.Load()
}

// drain lets the connection take no other request.
func (c *conn) drain() {
	if c.state.Swap(ending) == waiting {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // it fails only where the connection is closed
	}
}

// refuse answers a request that could not be read, where there is one, and
// closes the connection.
func (c *conn) refuse(err error) {
	if errors.Is(err, errHTTP2) {
		c.handOver()
		return
	}
	refused, ok := errors.AsType[*http1.Error](err)
	if !ok && c.late(err) {
		refused, ok = &http1.Error{Status: http.StatusRequestTimeout, Reason: "the header did not come in time"}, true
	}
	if !ok {
		_ = c.nc.Close() // the client is gone, or never began
		return
	}
	_ = c.armWrite() // it fails only where the connection is closed
	_, _ = c.nc.Write(problemOf(refused, c.server))
	c.linger()
}

// late tells whether a request was begun and not sent in time.
func (c *conn) late(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() && c.state.Load() == working && len(c.reader.Buffered()) > 0
}

// end closes the connection after an answer.
func (c *conn) end() {
	unread := !c.content.content.Finished() || len(c.reader.Buffered()) > 0
	if unread && c.answer.begun && !c.answer.cut {
		c.linger()
		return
	}
	_ = c.nc.Close() // the client learns that way that something is missing
}

// lingering bounds what is read after an answer to nothing: closing with bytes
// unread would take the answer away from a client that has not read it yet.
const (
	lingerBytes = 256 << 10
	lingerTime  = 500 * time.Millisecond
)

// linger closes the connection so that the client gets what was sent.
func (c *conn) linger() {
	defer func() { _ = c.nc.Close() }()
	if closeWrite(c.nc) != nil || c.nc.SetReadDeadline(c.server.options.Clock.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.nc, lingerBytes) // whatever comes is of no use
}
