package front

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Handler answers requests; *proxy.Proxy is one.
type Handler interface {
	// ServeExchange answers x.Request, which came in by the socket, through w. x
	// and all that it points to are the front's again when it returns: it MUST
	// keep nothing, and nobody may read the request's body any more.
	ServeExchange(ctx context.Context, socket netip.AddrPort, w exchange.Responder, x *exchange.Exchange)
}

// Options say how a Server treats clients. Zero values have defaults.
type Options struct {
	// Clock tells the time.
	Clock clock.PassiveClock
	// Logger gets what operators should know.
	Logger *slog.Logger
	// HeadTimeout bounds the time from a request's first byte to its head's last,
	// and a TLS handshake: 10 s.
	HeadTimeout time.Duration
	// BodyTimeout bounds each pause within a request's body: 30 s, and up to a
	// quarter more.
	BodyTimeout time.Duration
	// WriteTimeout bounds each pause in which a client reads nothing of its
	// answer: 60 s, and up to a quarter more.
	WriteTimeout time.Duration
	// IdleTimeout bounds the time between requests: 75 s, and up to a quarter more.
	IdleTimeout time.Duration
	// Limits bound the head of a request.
	Limits http1.Limits
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Limits == (http1.Limits{}) {
		o.Limits = http1.DefaultLimits
	}
	for duration, otherwise := range map[*time.Duration]time.Duration{
		&o.HeadTimeout:  10 * time.Second,
		&o.BodyTimeout:  30 * time.Second,
		&o.WriteTimeout: time.Minute,
		&o.IdleTimeout:  75 * time.Second,
	} {
		if *duration == 0 {
			*duration = otherwise
		}
	}
	return o
}

// Server serves the connections of one socket.
type Server struct {
	handler Handler
	socket  netip.AddrPort
	options Options
	date    atomic.Pointer[date]

	other    *http.Server // for connections that are handed over
	handed   *handover
	draining atomic.Bool

	mu    sync.Mutex // guards conns
	conns map[*conn]struct{}
	alive sync.WaitGroup
}

// New returns a Server of a socket. Requests that are not its business go to
// other, which must answer as the handler does; it owns a goroutine until
// Shutdown or Close.
func New(socket netip.AddrPort, handler Handler, other http.Handler, options Options) *Server {
	s := &Server{
		handler: handler, socket: socket, options: options.withDefaults(),
		conns: make(map[*conn]struct{}), handed: newHandover(socket),
	}
	s.other = s.handed.server(other, &s.options)
	s.alive.Go(func() {
		_ = s.other.Serve(s.handed) // it ends with Shutdown or Close, and says so
	})
	return s
}

// Serve accepts connections until the listener is closed, by Shutdown or Close
// or by whoever opened it, and returns http.ErrServerClosed after the former.
// Connections with TLS are those whose type is *tls.Conn.
func (s *Server) Serve(listener net.Listener) error {
	stop := context.AfterFunc(s.handed.ctx, func() {
		_ = listener.Close() // Accept says that it is closed
	})
	defer stop()
	for pause := briefest; ; {
		nc, err := listener.Accept()
		switch {
		case s.draining.Load():
			if err == nil {
				_ = nc.Close() // it came too late
			}
			return http.ErrServerClosed
		case err == nil:
			s.ServeConn(nc)
			pause = briefest
		case !temporary(err):
			return err
		default:
			s.options.Logger.Warn("no connection can be accepted, which is tried again", "socket", s.socket, "error", err)
			s.rest(pause)
			pause = min(2*pause, longest)
		}
	}
}

// How long it waits after a connection that could not be accepted.
const (
	briefest = 5 * time.Millisecond
	longest  = time.Second
)

// rest waits, unless the server ends.
func (s *Server) rest(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.handed.ctx.Done():
	}
}

// temporary tells errors of one connection, or of a lack of file descriptors or
// memory, from those of the listener.
func temporary(err error) bool {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, passing) {
			return true
		}
	}
	passing, ok := errors.AsType[net.Error](err)
	return ok && !errors.Is(err, net.ErrClosed) && passing.Timeout()
}

// ServeConn serves a connection in a goroutine of its own and closes it.
func (s *Server) ServeConn(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	if s.draining.Load() {
		c.drain()
	}
	s.alive.Go(func() {
		defer s.forget(c)
		c.serve()
	})
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// Shutdown stops accepting, closes connections that wait for a request, and
// waits for the others' answers until the context ends, which is an error; then
// Close ends them.
func (s *Server) Shutdown(ctx context.Context) error {
	s.drain()
	err := s.other.Shutdown(ctx)
	done := make(chan struct{})
	go func() { // it ends with the connections
		defer close(done)
		s.alive.Wait()
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain lets no connection take another request.
func (s *Server) drain() {
	s.draining.Store(true)
	s.handed.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.drain()
	}
}

// Close cuts all connections and waits for their goroutines.
func (s *Server) Close() error {
	s.drain()
	err := s.other.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.nc.Close() // nothing can be done about a connection that is given up
	}
	s.mu.Unlock()
	s.alive.Wait()
	return err
}

// date is the Date field's value, for one second.
type date struct {
	second int64
	value  string
}

// now returns the time and the Date field's value for it.
func (s *Server) now() (time.Time, string) {
	now := s.options.Clock.Now()
	if cached := s.date.Load(); cached != nil && cached.second == now.Unix() {
		return now, cached.value
	}
	fresh := &date{now.Unix(), now.UTC().Format(http.TimeFormat)}
	s.date.Store(fresh)
	return now, fresh.value
}
