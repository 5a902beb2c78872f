//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/fair"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/front"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/observe"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// child is how a gateway is started.
type child struct {
	chain   string // legs, plain or full
	backend string
	routes  int
	keys    string // file with the issuer's key set
	log     string // file for the access log
	profile string // file for a CPU profile
	in      io.Reader
	out     io.Writer
}

// run serves until the parent or SIGTERM ends it. It tells its address first, and
// then obeys: "change ROUTE VERSION" is answered with the time that it took,
// "series" with the number of series.
func (c *child) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	transport := upstream.New(upstream.Options{})
	defer transport.Close()
	socket := netip.MustParseAddrPort(listener.Addr().String())
	served, err := c.serve(ctx, socket, transport)
	if err != nil {
		return err
	}
	defer served.close()
	server := front.New(socket, served.handler, http.NotFoundHandler(), front.Options{})
	finish, err := profiling(c.profile)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, socket)
	go served.obey(c.in, c.out) // it ends with the process
	go func() {
		<-ctx.Done()
		_ = server.Close() // the benchmark is over
	}()
	_ = server.Serve(listener) // it says that it was closed
	return finish()
}

// served is a gateway with what it takes to change it.
type served struct {
	handler  front.Handler
	world    *world
	apply    func(*gateway.Config) error
	registry *prometheus.Registry
	close    func()
}

func (c *child) serve(ctx context.Context, socket netip.AddrPort, transport *upstream.Transport) (*served, error) {
	backend, err := netip.ParseAddrPort(c.backend)
	if err != nil {
		return nil, err
	}
	s := &served{registry: prometheus.NewRegistry(), close: func() {}}
	switch c.chain {
	case "legs":
		s.world = newWorld(socket, backend, 1, false, nil)
		s.handler = &legs{transport, s.world.config.Backends[backendID(0)]}
		s.apply = func(*gateway.Config) error { return nil }
		return s, nil
	case "plain":
		s.world = newWorld(socket, backend, c.routes, false, nil)
		p := proxy.New(transport)
		s.handler, s.apply, s.close = p, p.Apply, p.Close
		return s, s.apply(s.world.config)
	case "full":
		return s, c.full(ctx, s, socket, backend, transport)
	}
	return nil, fmt.Errorf("there is no chain %q", c.chain)
}

// full is the whole chain: tokens, limits, fairness, life cycle, metrics and the
// access log.
func (c *child) full(ctx context.Context, s *served, socket, backend netip.AddrPort, transport *upstream.Transport) error {
	keys, err := os.ReadFile(c.keys)
	if err != nil {
		return err
	}
	log, err := os.Create(c.log)
	if err != nil {
		return err
	}
	s.world = newWorld(socket, backend, c.routes, true, keys)
	metrics, err := observe.NewMetrics(s.registry)
	if err != nil {
		return err
	}
	access := observe.NewAccessLog(log, clock.RealClock{})
	go access.Run(ctx)
	limiter := limit.New(clock.RealClock{})
	authorizer := authn.New(ctx, clock.RealClock{}, slog.New(slog.DiscardHandler), nil)
	sharing := fair.New(clock.RealClock{})
	p := proxy.New(transport, proxy.WithAuthorizer(authorizer), proxy.WithLimiter(limiter), proxy.WithFairness(sharing),
		proxy.WithObserver(&observe.Observer{Log: access, Metrics: metrics}))
	s.handler, s.close = p, p.Close
	s.apply = func(config *gateway.Config) error {
		authorizer.Update(config)
		limiter.Update(config)
		sharing.Update(config)
		transport.Update(config.Backends)
		return p.Apply(config)
	}
	return s.apply(s.world.config)
}

// obey does what the parent says.
func (s *served) obey(in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		answer, err := s.do(lines.Text())
		if err != nil {
			answer = "error: " + err.Error()
		}
		fmt.Fprintln(out, answer)
	}
}

func (s *served) do(order string) (string, error) {
	if order == "series" {
		return s.series()
	}
	var route, version int
	if _, err := fmt.Sscanf(order, "change %d %d", &route, &version); err != nil {
		return "", err
	}
	next := s.world.change(route, version)
	began := time.Now()
	err := s.apply(next)
	return time.Since(began).String(), err
}

func (s *served) series() (string, error) {
	families, err := s.registry.Gather()
	count := 0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			count += max(1, len(metric.GetHistogram().GetBucket())+2)
		}
	}
	return strconv.Itoa(count), err
}

// profiling begins a CPU profile, where a file is named, and returns its end.
func profiling(file string) (finish func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	to, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(to); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return errors.Join(to.Close())
	}, nil
}
