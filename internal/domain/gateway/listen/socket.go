package listen

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// server is a front: net/http's or our own.
type server interface {
	Serve(accepts net.Listener) error
	Shutdown(ctx context.Context) error
	Close() error
}

// socket is one address that is listened on.
type socket struct {
	accepts *counted
	server  server
	own     bool
	choose  func([]*gateway.Listener) bool
	names   atomic.Pointer[names] // nil for plain text
}

func newSocket(accepts net.Listener, listeners []*gateway.Listener, options *Options) *socket {
	s := &socket{accepts: newCounted(accepts), own: options.OwnFront(listeners), choose: options.OwnFront}
	s.update(listeners, options)
	return s
}

// fits tells whether a socket can go on with these listeners.
func (s *socket) fits(listeners []*gateway.Listener) bool {
	return len(listeners) > 0 && secured(listeners) == (s.names.Load() != nil) && s.choose(listeners) == s.own
}

// update tells what the listeners are now.
func (s *socket) update(listeners []*gateway.Listener, options *Options) {
	most := options.MaxConnections
	for _, l := range listeners {
		most = max(most, l.MaxConnections)
	}
	if listeners[0].MaxConnections > 0 && len(listeners) == 1 {
		most = listeners[0].MaxConnections
	}
	s.accepts.bound(most)
	if secured(listeners) {
		s.names.Store(newNames(listeners, s.names.Load()))
	}
}

func (s *socket) serve() {
	accepts := net.Listener(s.accepts)
	if s.names.Load() != nil {
		accepts = tls.NewListener(s.accepts, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: s.hello})
	}
	_ = s.server.Serve(accepts) // it ends when the socket is closed, and says so
}

// hello chooses what a client is shown by the server name it asks for.
func (s *socket) hello(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	return s.names.Load().choose(hello.ServerName)
}

// stop closes the socket, not its connections.
func (s *socket) stop() { _ = s.accepts.Close() }

// drain waits for what is going on, then cuts what is left.
func (s *socket) drain(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if s.server.Shutdown(ctx) == nil {
		s.accepts.wait(ctx) // connections that were upgraded
	}
	_ = s.server.Close() // what is left is cut
	s.accepts.cut()
}

func secured(listeners []*gateway.Listener) bool {
	return slices.ContainsFunc(listeners, func(l *gateway.Listener) bool { return l.Protocol != gateway.HTTP })
}

func plain(listeners []*gateway.Listener) bool {
	return slices.ContainsFunc(listeners, func(l *gateway.Listener) bool { return l.Protocol == gateway.HTTP })
}

// counted is a net.Listener that knows its connections, and does not accept more
// than it may have.
type counted struct {
	net.Listener

	mu     sync.Mutex // guards what follows
	change *sync.Cond
	most   int
	closed bool
	conns  map[*conn]struct{}
	empty  chan struct{} // closed when there is none left; nil until somebody waits
}

func newCounted(accepts net.Listener) *counted {
	c := &counted{Listener: accepts, conns: map[*conn]struct{}{}}
	c.change = sync.NewCond(&c.mu)
	return c
}

func (c *counted) bound(most int) {
	c.mu.Lock()
	c.most = most
	c.mu.Unlock()
	c.change.Broadcast()
}

// Accept waits until there may be one more connection, and for it.
func (c *counted) Accept() (net.Conn, error) {
	c.mu.Lock()
	for len(c.conns) >= c.most && !c.closed {
		c.change.Wait()
	}
	c.mu.Unlock()
	nc, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	accepted := &conn{Conn: nc, of: c}
	c.mu.Lock()
	c.conns[accepted] = struct{}{}
	c.mu.Unlock()
	return accepted, nil
}

// Close closes the socket.
func (c *counted) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.change.Broadcast()
	return c.Listener.Close()
}

func (c *counted) gone(which *conn) {
	c.mu.Lock()
	delete(c.conns, which)
	if c.empty != nil && len(c.conns) == 0 {
		close(c.empty)
		c.empty = nil
	}
	c.mu.Unlock()
	c.change.Signal()
}

// wait waits until no connection is left.
func (c *counted) wait(ctx context.Context) {
	c.mu.Lock()
	if len(c.conns) == 0 {
		c.mu.Unlock()
		return
	}
	empty := make(chan struct{})
	c.empty = empty
	c.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// cut closes all connections.
func (c *counted) cut() {
	c.mu.Lock()
	left := make([]*conn, 0, len(c.conns))
	for which := range c.conns {
		left = append(left, which)
	}
	c.mu.Unlock()
	for _, which := range left {
		_ = which.Close() // nobody waits for what it would say
	}
}

// conn is a connection that is counted until it is closed.
type conn struct {
	net.Conn
	of   *counted
	once sync.Once
}

// Close closes the connection, once.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { c.of.gone(c) })
	return err
}

// CloseWrite tells the client that nothing more comes.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
