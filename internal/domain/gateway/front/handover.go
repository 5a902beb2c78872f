package front

import (
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
)

// handover is a listener of connections that are begun already.
type handover struct {
	socket net.Addr
	conns  chan net.Conn
	ctx    context.Context
	stop   context.CancelFunc
}

func newHandover(socket netip.AddrPort) *handover {
	h := &handover{socket: net.TCPAddrFromAddrPort(socket), conns: make(chan net.Conn)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// give hands a connection over, with the bytes that were read from it.
func (h *handover) give(nc net.Conn, begun []byte) {
	if len(begun) > 0 {
		nc = &begunConn{Conn: nc, begun: begun}
	}
	select {
	case h.conns <- nc:
	case <-h.ctx.Done():
		_ = nc.Close() // nobody serves it any more
	}
}

// Accept waits for a connection that is handed over.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case nc := <-h.conns:
		return nc, nil
	case <-h.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (h *handover) Close() error {
	h.stop()
	return nil
}

// Addr is the socket's.
func (h *handover) Addr() net.Addr { return h.socket }

// begunConn is a connection of which something was read already.
type begunConn struct {
	net.Conn
	begun []byte
}

// Read reads what was read already first.
func (c *begunConn) Read(p []byte) (int, error) {
	if len(c.begun) > 0 {
		n := copy(p, c.begun)
		c.begun = c.begun[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends one side.
func (c *begunConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// securedBy is the context's key for the TLS state of a begun connection.
type securedBy struct{}

// server is the net/http server behind the handover.
func (h *handover) server(handler http.Handler, options *Options) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// net/http finds TLS only where the connection is nothing else.
			if state, ok := r.Context().Value(securedBy{}).(*tls.ConnectionState); ok && r.TLS == nil {
				r.TLS = state
			}
			handler.ServeHTTP(w, r)
		}),
		Protocols:         protocols,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12}, // it makes net/http speak HTTP/2
		ReadHeaderTimeout: options.HeadTimeout,
		IdleTimeout:       options.IdleTimeout,
		MaxHeaderBytes:    options.Limits.Head,
		ErrorLog:          log.New(quiet{options.Logger}, "", 0),
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			begun, ok := nc.(*begunConn)
			if !ok {
				return ctx
			}
			secured, ok := begun.Conn.(*tls.Conn)
			if !ok {
				return ctx
			}
			state := secured.ConnectionState()
			return context.WithValue(ctx, securedBy{}, &state)
		},
	}
}

// quiet logs what net/http complains of: it is about clients, not about us.
type quiet struct{ logger *slog.Logger }

// Write logs a line.
func (q quiet) Write(line []byte) (int, error) {
	q.logger.Debug("net/http complains of a client", "complaint", string(line))
	return len(line), nil
}
