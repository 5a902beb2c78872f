package listen

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/front"
)

// Handler answers what comes in; *proxy.Proxy is one.
type Handler interface {
	front.Handler
	// Handler is the same for net/http.
	Handler(socket netip.AddrPort) http.Handler
}

// Options say how sockets treat clients. Zero values have defaults.
type Options struct {
	// Listen opens a socket; net.ListenConfig's else.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	// OwnFront chooses the HTTP/1.1 front of package front for a socket, whose
	// listeners are given; net/http's else.
	OwnFront func(listeners []*gateway.Listener) bool
	// HeadTimeout bounds the head of a request and a TLS handshake: 10 s.
	HeadTimeout time.Duration
	// IdleTimeout bounds the time between requests: 75 s.
	IdleTimeout time.Duration
	// BodyTimeout and WriteTimeout bound each pause of a client of package front's
	// front: 30 s in a body, and 60 s in reading its answer. Those of net/http's
	// front are the handler's.
	BodyTimeout, WriteTimeout time.Duration
	// DrainTimeout bounds how long a socket that goes waits for what is going on:
	// 30 s.
	DrainTimeout time.Duration
	// MaxConnections of a socket whose listeners say nothing: 10,000.
	MaxConnections int
	// MaxHead bounds the head of a request in bytes: 64 KiB.
	MaxHead int
	// Logger gets what operators should know.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Listen == nil {
		o.Listen = new(net.ListenConfig).Listen
	}
	if o.OwnFront == nil {
		o.OwnFront = func([]*gateway.Listener) bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 10_000
	}
	if o.MaxHead == 0 {
		o.MaxHead = 64 << 10
	}
	for duration, otherwise := range map[*time.Duration]time.Duration{
		&o.HeadTimeout: 10 * time.Second, &o.IdleTimeout: 75 * time.Second, &o.DrainTimeout: 30 * time.Second,
	} {
		if *duration == 0 {
			*duration = otherwise
		}
	}
	return o
}

// Sockets are those of one process. Its methods are safe for any number of
// goroutines.
type Sockets struct {
	handler Handler
	options Options

	mu     sync.Mutex // guards what follows
	open   map[netip.AddrPort]*socket
	ready  bool
	closed bool
	alive  sync.WaitGroup // sockets that serve or drain
}

// New returns Sockets that have none before the first Apply.
func New(handler Handler, options Options) *Sockets {
	return &Sockets{handler: handler, options: options.withDefaults(), open: map[netip.AddrPort]*socket{}}
}

// errClosed is a Config that came after the end.
var errClosed = errors.New("the gateway's sockets are closed")

// Apply opens and closes sockets until they are those of the Config, which the
// handler MUST serve already. What cannot be opened is told in the error and
// tried again by the next Apply; the others are served.
func (s *Sockets) Apply(ctx context.Context, config *gateway.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	wanted := map[netip.AddrPort][]*gateway.Listener{}
	for i := range config.Listeners {
		l := &config.Listeners[i]
		wanted[l.Address] = append(wanted[l.Address], l)
	}
	var faults []error
	for address, open := range s.open {
		if open.fits(wanted[address]) {
			continue
		}
		delete(s.open, address)
		open.stop() // the address is free when it returns
		s.alive.Go(func() { open.drain(s.options.DrainTimeout) })
	}
	for address, listeners := range wanted {
		if err := s.serve(ctx, address, listeners); err != nil {
			faults = append(faults, err)
		}
	}
	s.ready = true
	return errors.Join(faults...)
}

// serve opens the socket of an address where there is none, and tells it what
// its listeners are.
func (s *Sockets) serve(ctx context.Context, address netip.AddrPort, listeners []*gateway.Listener) error {
	if secured(listeners) && plain(listeners) {
		return fmt.Errorf("listener %q shares %s with one of another protocol: give one of them another port", listeners[0].Name, address)
	}
	if open := s.open[address]; open != nil {
		open.update(listeners, &s.options)
		return nil
	}
	accepts, err := s.options.Listen(ctx, "tcp", address.String())
	if err != nil {
		return fmt.Errorf("opening %s for listener %q: %w", address, listeners[0].Name, err)
	}
	opened := newSocket(accepts, listeners, &s.options)
	if opened.own {
		opened.server = front.New(address, s.handler, s.handler.Handler(address), front.Options{
			HeadTimeout: s.options.HeadTimeout, IdleTimeout: s.options.IdleTimeout, Logger: s.options.Logger,
			BodyTimeout: s.options.BodyTimeout, WriteTimeout: s.options.WriteTimeout,
		})
	} else {
		opened.server = s.netHTTP(address)
	}
	s.open[address] = opened
	s.alive.Go(opened.serve)
	return nil
}

// netHTTP is the front of net/http.
func (s *Sockets) netHTTP(address netip.AddrPort) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: s.handler.Handler(address), Protocols: protocols, TLSConfig: offered(),
		ReadHeaderTimeout: s.options.HeadTimeout, IdleTimeout: s.options.IdleTimeout, MaxHeaderBytes: s.options.MaxHead,
		ErrorLog: log.New(quiet{s.options.Logger}, "", 0),
	}
}

// Ready tells whether a Config was applied.
func (s *Sockets) Ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready && !s.closed
}

// Addr is where the socket of an address of the Config really is, or nil.
func (s *Sockets) Addr(address netip.AddrPort) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open := s.open[address]; open != nil {
		return open.accepts.Addr()
	}
	return nil
}

// Close stops accepting, waits for what is going on for up to DrainTimeout, and
// cuts what is left.
func (s *Sockets) Close() {
	s.mu.Lock()
	s.closed = true
	for address, open := range s.open {
		delete(s.open, address)
		open.stop()
		s.alive.Go(func() { open.drain(s.options.DrainTimeout) })
	}
	s.mu.Unlock()
	s.alive.Wait()
}

// quiet logs what net/http complains of: it is about clients, not about us.
type quiet struct{ logger *slog.Logger }

// Write logs a line.
func (q quiet) Write(line []byte) (int, error) {
	q.logger.Debug("net/http complains of a client", "complaint", string(line))
	return len(line), nil
}
