// Package gateways puts a gateway's data plane together: who calls, limits and
// fairness, the proxy with its leg to the backends, sockets, and what is told of
// requests. It is the Sink that the control plane feeds.
package gateways

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/app/gateways/leases"
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

// Options say what a gateway needs. What has no word on it is required.
type Options struct {
	// Config reaches the API server, whose keys vouch for the cluster's tokens.
	Config *rest.Config
	// Database keeps the ledger. Nil where Leader is told of uses.
	Database *Database
	// Redis shares the budgets of rate limits with all processes that have the same
	// one: a redis:// or rediss:// URL. Optional.
	Redis string
	// Leader is asked for slices of budgets, where there is no Redis, and told of
	// uses, where there is no Database. Without it the process counts alone.
	Leader *leases.Process
	// Process tells the process from its like.
	Process string
	// OwnFront answers HTTP/1.1 without net/http.
	OwnFront bool
	// MaxBody bounds bodies of requests, in bytes; 0 is no bound.
	MaxBody int64
	// Spans of sampled requests. Optional.
	Spans Spans
	// Metrics are counted here.
	Metrics Metrics
	// AccessLog gets a line of JSON for each request; nil for none.
	AccessLog io.Writer
	Clock     clock.WithTickerAndDelayedExecution
	Log       *slog.Logger
}

// Database is one that is open. Its owner closes it, after the gateway.
type Database struct {
	*sql.DB
	// Dialect is the one that adapter/database says.
	Dialect string
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
	store      *ledger.Store // nil where the leader keeps uses
	log        *observe.AccessLog
	tracer     *observe.Tracer
	budgets    budgets
	redis      bool
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
	g := &Gateway{redis: opts.Redis != ""}
	uses, err := g.uses(ctx, opts)
	if err != nil {
		return nil, err
	}
	if g.tracer, err = opts.Spans.tracer(ctx, opts.Log); err != nil {
		return nil, err
	}
	if g.budgets, err = budgetsOf(opts); err != nil {
		return nil, err
	}
	lasting := context.WithoutCancel(ctx)
	g.authorizer = authn.New(lasting, opts.Clock, opts.Log, keys)
	g.limiter = limit.New(opts.Clock, limit.WithStore(lasting, g.budgets.store, g.budgets.processes))
	g.fair = fair.New(opts.Clock)
	g.transport = upstream.New(upstream.Options{Clock: opts.Clock})
	g.ledger = ledger.New(uses, opts.Clock, opts.Log)
	observer := &observe.Observer{Metrics: opts.Metrics, Tracer: g.tracer, Ledger: g.ledger}
	if opts.AccessLog != nil {
		g.log = observe.NewAccessLog(opts.AccessLog, opts.Clock)
		observer.Log = g.log
	}
	g.proxy = proxy.New(g.transport, proxy.WithAuthorizer(g.authorizer), proxy.WithLimiter(g.limiter),
		proxy.WithFairness(g.fair), proxy.WithObserver(observer), proxy.WithClock(opts.Clock), proxy.WithMaxBody(opts.MaxBody))
	g.sockets = listen.New(g.proxy, listen.Options{
		Logger: opts.Log, OwnFront: func([]*gateway.Listener) bool { return opts.OwnFront },
	})
	return g, nil
}

// uses is who keeps the ledger.
func (g *Gateway) uses(ctx context.Context, opts Options) (ledger.Sink, error) {
	switch {
	case opts.Database == nil && opts.Leader == nil:
		return nil, errors.New("nobody keeps who used what: give a database or a leader")
	case opts.Database == nil:
		return opts.Leader, nil
	}
	store, err := ledger.Open(ctx, opts.Database.DB, opts.Database.Dialect)
	g.store = store
	return store, err
}

// Uses are those that the ledger kept; nil where the leader keeps them.
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

// Ready tells whether it serves by a Config.
func (g *Gateway) Ready() bool { return g.sockets.Ready() }

// lastSpans is how long the last spans may take to be exported.
const lastSpans = 3 * time.Second

// Start keeps ledger and access log until the context ends, then drains: sockets
// take no more, and what is going on is answered and counted.
func (g *Gateway) Start(ctx context.Context) error {
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { g.ledger.Run(keep) })
	if g.log != nil {
		running.Go(func() { g.log.Run(keep) })
	}
	if g.budgets.run != nil {
		running.Go(func() { g.budgets.run(keep) })
	}
	<-ctx.Done()
	g.sockets.Close() // What is going on is still counted.
	stop()
	running.Wait()
	return g.export(keep)
}

// export exports the last spans though the context has ended.
func (g *Gateway) export(ctx context.Context) error {
	if g.tracer == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSpans)
	defer cancel()
	return g.tracer.Shutdown(ctx)
}

// Close gives back what the gateway holds.
func (g *Gateway) Close() error {
	g.sockets.Close()
	g.proxy.Close()
	g.transport.Close()
	g.authorizer.Close()
	g.limiter.Close()
	return g.budgets.close()
}
