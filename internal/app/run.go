package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/gateways/leases"
	"github.com/roadbed-dev/roadbed/internal/app/health"
	"github.com/roadbed-dev/roadbed/internal/app/reports"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/operator"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// Run runs the domains against the cluster until ctx ends. It returns nil when
// it was told to stop, and an error when it could not start or go on.
func Run(ctx context.Context, opts Options) (err error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	ctrl.SetLogger(logr.FromSlogHandler(opts.Log.Handler())) // before the first client: later ones are not heard
	thrifty()
	opts.Config = tuned(opts.Config)
	direct, err := client.New(opts.Config, client.Options{})
	if err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	if opts.FeatureGates, err = gates.Here(ctx, direct, opts.FeatureGates, opts.Log); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	record, err := trail.OpenFile(opts.TrailPath, opts.Clock, opts.Log)
	if err != nil {
		return fmt.Errorf("open the trail: %w", err)
	}
	defer func() { err = errors.Join(err, record.Close()) }()

	p, err := assemble(ctx, opts, record)
	if err != nil {
		return err
	}
	defer p.close()
	opts.Log.Info("server starts", "health", p.endpoints.Health, "metrics", p.endpoints.Metrics, "webhook", p.endpoints.Webhook)
	if err := p.manager.Start(ctx); err != nil {
		return fmt.Errorf("run the server: %w", err)
	}
	return nil
}

// tuned is a copy of the connection without the client's own rate limit: the
// API server's priority and fairness protects it better.
func tuned(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, -1
	config.UserAgent = "roadbed"
	return config
}

// program is what Run has put together.
type program struct {
	manager   manager.Manager
	modules   []module.Module
	ready     *health.Readiness
	endpoints Endpoints
	// history keeps what policies say of objects; nil without the policy domain.
	history *reports.History
	// gateway is the data plane; nil where the gateway does not run.
	gateway *gateways.Gateway
	// platform is what claims over HTTP are served with; nil where they are not.
	platform *capabilities.Platform
	// port is which port is listened on for one that a Gateway names; nil where it is
	// that one, or there is no gateway.
	port func(int32) uint16
	// standby asks the server that works; nil where there are no copies.
	standby *leases.Process
	// store keeps history; nil before somebody asked for it.
	store   *gateways.Database
	closers []func() error
}

// close gives back what was opened for a program that may never have started.
func (p *program) close() {
	for _, c := range slices.Backward(p.closers) {
		_ = c() // A listener that was served is closed already.
	}
}

// assemble joins everything and starts nothing.
func assemble(ctx context.Context, opts Options, record trail.Recorder) (*program, error) {
	p := &program{ready: &health.Readiness{Liveness: steps.NewLiveness(opts.Clock, steps.SilenceLimit)}}
	if err := p.build(ctx, opts, record); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *program) build(ctx context.Context, opts Options, record trail.Recorder) error {
	hooks, err := newHooks(opts)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, hooks.close)
	policies, err := p.judging(ctx, opts, hooks)
	if err != nil {
		return err
	}
	entry, err := p.entrance(ctx, opts)
	if err != nil {
		return err
	}
	p.modules = modules(opts, policies, entry, p.offered(opts, hooks))
	if p.manager, err = newManager(opts, hooks); err != nil {
		return err
	}
	return p.complete(ctx, opts, record, hooks)
}

func (p *program) complete(ctx context.Context, opts Options, record trail.Recorder, hooks *hooks) error {
	if err := installed(p.manager.GetRESTMapper(), p.modules); err != nil {
		return err
	}
	routes := http.NewServeMux()
	for _, m := range p.modules {
		name := m.Describe().Name
		host := &module.Host{
			Manager: p.manager, Routes: routes, Trail: record, Liveness: p.ready.Liveness,
			Clock: opts.Clock, Log: opts.Log.With("domain", name),
		}
		if err := m.Setup(host); err != nil {
			return fmt.Errorf("set up domain %q: %w", name, err)
		}
	}
	health.Routes(routes, p.ready, p.modules)
	if err := p.listen(opts, routes); err != nil {
		return err
	}
	direct, err := kubernetes.NewForConfigAndClient(opts.Config, p.manager.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("make the direct client: %w", err)
	}
	if err := hooks.register(ctx, direct); err != nil {
		return err
	}
	p.endpoints.Webhook = hooks.address()
	if err := p.serveReports(routes, opts, direct); err != nil {
		return err
	}
	if err := p.addGateway(opts, direct); err != nil {
		return err
	}
	// It waits for the lead: what is told is what the working copy does.
	err = p.manager.Add(manager.RunnableFunc(func(ctx context.Context) error {
		return publish(ctx, p.manager.GetClient(), opts, operator.Gated(opts.Settings, opts.FeatureGates))
	}))
	if err != nil {
		return err
	}
	return p.manager.Add(everywhere(func(ctx context.Context) error { return p.watch(ctx, opts) }))
}

// listen opens the addresses for operators and hands them to the manager.
func (p *program) listen(opts Options, routes http.Handler) error {
	probed, err := health.Listen("health", opts.HealthAddr)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, probed.Close)
	p.endpoints.Health = probed.Addr().String()
	if err := p.manager.Add(&health.Server{Name: "health", Listener: probed, Handler: routes}); err != nil {
		return err
	}
	if opts.MetricsAddr == "0" {
		return nil
	}
	numbers, err := health.Listen("metrics", opts.MetricsAddr)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, numbers.Close)
	p.endpoints.Metrics = numbers.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}))
	return p.manager.Add(&health.Server{Name: "metrics", Listener: numbers, Handler: mux})
}

// everywhere runs in every copy of the program, also in those that stand by.
type everywhere func(context.Context) error

var _ manager.LeaderElectionRunnable = everywhere(nil)

// Start runs it.
func (f everywhere) Start(ctx context.Context) error { return f(ctx) }

// NeedLeaderElection says no.
func (everywhere) NeedLeaderElection() bool { return false }

// watch turns the program ready once its caches are filled, and says so. A copy
// that stands by is ready to take over.
func (p *program) watch(ctx context.Context, opts Options) error {
	if !p.manager.GetCache().WaitForCacheSync(ctx) {
		return nil // The context ended first.
	}
	p.ready.Synced.Store(true)
	health.Announce(ctx, p.ready, func() {
		if p.platform != nil && !p.platform.Cluster && p.port != nil {
			p.endpoints.Platform = netip.AddrPortFrom(opts.GatewayAddr, p.port(httpPort)).String()
		}
		opts.Log.Info("server is ready")
		if opts.Ready != nil {
			opts.Ready(p.endpoints)
		}
	})
	return nil
}

// installed says which kinds of the domains the cluster does not know. A kind
// that it knows in other versions is somebody else's, and its domain does without.
func installed(mapper meta.RESTMapper, modules []module.Module) error {
	var errs []error
	for _, m := range modules {
		for _, kind := range m.Describe().Kinds {
			errs = append(errs, served(mapper, kind))
		}
	}
	return errors.Join(errs...)
}

func served(mapper meta.RESTMapper, kind module.Kind) error {
	_, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if !meta.IsNoMatchError(err) {
		return err
	}
	if _, err := mapper.RESTMapping(kind.GroupKind()); err == nil {
		return nil
	}
	return fmt.Errorf("the cluster does not know %s: run \"roadbed install\" first", kind.GroupKind())
}

// httpPort is the one that the platform's own Gateway names on a laptop.
const httpPort = 80

// shutdownGrace is how long controllers may take to finish what they are at.
const shutdownGrace = 15 * time.Second
