// Package gateways puts a gateway's data plane together: who calls, limits and
// fairness, the proxy with its leg to the backends, sockets, and what is told of
// requests. It is the Sink that the control plane feeds.
package gateways

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/fair"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/ledger"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/listen"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/observe"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// Gate is the feature gate of the gateway.
const Gate = "Gateway"

// Options say what a gateway needs. All are required but AccessLog.
type Options struct {
	// Config reaches the API server, whose keys vouch for the cluster's tokens.
	Config *rest.Config
	// Database keeps the ledger: a postgres:// URL or the path of a SQLite file.
	Database string
	// Metrics are counted here.
	Metrics Metrics
	// AccessLog gets a line of JSON for each request; nil for none.
	AccessLog io.Writer
	Clock     clock.WithTickerAndDelayedExecution
	Log       *slog.Logger
}

// Gateway is the data plane of one process.
type Gateway struct {
	authorizer *authn.Authorizer
	limiter    *limit.Limiter
	fair       *fair.Fair
	transport  *upstream.Transport
	proxy      *proxy.Proxy
	sockets    *listen.Sockets
	ledger     *ledger.Ledger
	store      *ledger.Store
	log        *observe.AccessLog
	closers    []func() error
}

var (
	_ operator.Sink                  = (*Gateway)(nil)
	_ manager.LeaderElectionRunnable = (*Gateway)(nil)
)

// Metrics are a gateway's metrics.
type Metrics = *observe.Metrics

// NewMetrics registers a gateway's metrics.
func NewMetrics(registry prometheus.Registerer) (Metrics, error) { return observe.NewMetrics(registry) }

// New puts a gateway together. It listens nowhere before its first Config. The
// caller calls Close.
func New(ctx context.Context, opts Options) (*Gateway, error) {
	keys, err := newClusterKeys(opts.Config)
	if err != nil {
		return nil, err
	}
	db, dialect, err := database.Open(ctx, opts.Database)
	if err != nil {
		return nil, err
	}
	store, err := ledger.Open(ctx, db, dialect)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	g := &Gateway{
		authorizer: authn.New(context.WithoutCancel(ctx), opts.Clock, opts.Log, keys),
		limiter:    limit.New(opts.Clock),
		fair:       fair.New(opts.Clock),
		transport:  upstream.New(upstream.Options{Clock: opts.Clock}),
		ledger:     ledger.New(store, opts.Clock, opts.Log),
		store:      store,
		closers:    []func() error{db.Close},
	}
	observer := &observe.Observer{Metrics: opts.Metrics, Ledger: g.ledger}
	if opts.AccessLog != nil {
		g.log = observe.NewAccessLog(opts.AccessLog, opts.Clock)
		observer.Log = g.log
	}
	g.proxy = proxy.New(g.transport, proxy.WithAuthorizer(g.authorizer), proxy.WithLimiter(g.limiter),
		proxy.WithFairness(g.fair), proxy.WithObserver(observer), proxy.WithClock(opts.Clock))
	g.sockets = listen.New(g.proxy, listen.Options{Logger: opts.Log})
	return g, nil
}

// Uses are those that the ledger kept.
func (g *Gateway) Uses() *ledger.Store { return g.store }

// Apply serves by the Config from now on.
func (g *Gateway) Apply(config *gateway.Config) error {
	g.authorizer.Update(config)
	g.limiter.Update(config)
	g.fair.Update(config)
	g.transport.Update(config.Backends)
	err := g.proxy.Apply(config)
	if failed := g.sockets.Apply(context.Background(), config); failed != nil {
		err = errors.Join(err, fmt.Errorf("open the gateway's sockets: %w", failed))
	}
	return err
}

// NeedLeaderElection says no: every copy of the program serves.
func (*Gateway) NeedLeaderElection() bool { return false }

// Start keeps ledger and access log until the context ends, then drains.
func (g *Gateway) Start(ctx context.Context) error {
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.ledger.Run(keep)
	}()
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		if g.log != nil {
			g.log.Run(keep)
		}
	}()
	<-ctx.Done()
	g.sockets.Close() // What is going on is still counted.
	stop()
	<-done
	<-logged
	return nil
}

// Close gives back what the gateway holds.
func (g *Gateway) Close() error {
	g.sockets.Close()
	g.proxy.Close()
	g.transport.Close()
	g.authorizer.Close()
	g.limiter.Close()
	var errs []error
	for _, c := range g.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}
