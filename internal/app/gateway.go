package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/gateways/leases"
	"github.com/roadbed-dev/roadbed/internal/app/health"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// GatewayTuning says how a gateway serves, whichever process it runs in.
type GatewayTuning struct {
	// Public is what the statuses of Gateways say where callers use another address
	// than the one that is listened on: an IP address or a host name. All processes
	// of a gateway are given the same.
	Public string
	// Redis shares the budgets of rate limits, as a redis:// or rediss:// URL. The
	// leader does where it is empty.
	Redis string
	// OwnFront answers HTTP/1.1 without net/http.
	OwnFront bool
	// MaxBody bounds bodies of requests, in bytes; 0 is no bound.
	MaxBody int64
	// Spans of sampled requests; none by default.
	Spans gateways.Spans
}

// GatewayOptions say how ServeGateway serves.
type GatewayOptions struct {
	GatewayTuning
	// Config reaches the API server as leases.User. Required.
	Config *rest.Config
	// Addr is what Gateways listen on. Required.
	Addr netip.Addr
	// PrivilegedPorts listens on ports below 1024 as they are. Otherwise they become
	// 8000 more, and a Service leads from one to the other.
	PrivilegedPorts bool
	// Database keeps who used what: a postgres:// URL. The leader is told by default.
	Database string
	// AccessLog gets a line of JSON for each request; nil for none.
	AccessLog io.Writer
	// HealthAddr serves /healthz and /readyz, MetricsAddr /metrics; "0" serves no
	// metrics. Default 127.0.0.1:0.
	HealthAddr, MetricsAddr string
	// Ready is called once, when the first whole Config is served. Optional.
	Ready func(Endpoints)
	// Log and Clock are the program's, by default as in Options.
	Log   *slog.Logger
	Clock clock.WithTickerAndDelayedExecution
}

// gatewayGrace is how long a gateway may take to end: longer than its sockets drain.
const gatewayGrace = 40 * time.Second

// ServeGateway serves Gateways beside the leader and copies of itself until the
// context ends, and then answers what is going on. It writes nothing to the cluster.
func ServeGateway(ctx context.Context, opts GatewayOptions) error {
	if opts.Config == nil || !opts.Addr.IsValid() {
		return errors.New("serve gateways: a connection to an API server and an address to listen on are needed")
	}
	if err := opts.Spans.Validate(); err != nil {
		return fmt.Errorf("serve gateways: %w", err)
	}
	opts.Log, opts.Config = cmp.Or(opts.Log, slog.Default()), tuned(opts.Config)
	opts.HealthAddr, opts.MetricsAddr = cmp.Or(opts.HealthAddr, "127.0.0.1:0"), cmp.Or(opts.MetricsAddr, "127.0.0.1:0")
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	ctrl.SetLogger(logr.FromSlogHandler(opts.Log.Handler()))
	p := &program{ready: &health.Readiness{Liveness: steps.NewLiveness(opts.Clock, steps.SilenceLimit)}}
	defer p.close()
	if err := p.buildGateway(ctx, opts); err != nil {
		return fmt.Errorf("serve gateways: %w", err)
	}
	opts.Log.Info("gateway starts", "health", p.endpoints.Health, "metrics", p.endpoints.Metrics)
	if err := p.manager.Start(ctx); err != nil {
		return fmt.Errorf("serve gateways: %w", err)
	}
	return nil
}

func (p *program) buildGateway(ctx context.Context, opts GatewayOptions) error {
	scheme, err := Scheme()
	if err != nil {
		return err
	}
	p.manager, err = ctrl.NewManager(opts.Config, manager.Options{
		Scheme: scheme, Logger: logr.FromSlogHandler(opts.Log.Handler()),
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		GracefulShutdownTimeout: new(gatewayGrace),
		Controller:              config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	counted, err := requests()
	if err != nil {
		return fmt.Errorf("register the metrics of gateways: %w", err)
	}
	direct, err := kubernetes.NewForConfigAndClient(opts.Config, p.manager.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("make the direct client: %w", err)
	}
	var kept *gateways.Database
	if opts.Database != "" {
		if kept, err = p.database(ctx, Options{Database: opts.Database}); err != nil {
			return err
		}
	}
	leader := leases.NewProcess(direct, opts.Clock, opts.Log)
	p.gateway, err = gateways.New(ctx, gateways.Options{
		Config: opts.Config, Database: kept, Redis: opts.Redis, Leader: leader, Process: rand.Text(),
		OwnFront: opts.OwnFront, MaxBody: opts.MaxBody, Spans: opts.Spans, Metrics: counted, AccessLog: opts.AccessLog, Clock: opts.Clock, Log: opts.Log,
	})
	if err != nil {
		return fmt.Errorf("put the gateway together: %w", err)
	}
	p.closers = append(p.closers, p.gateway.Close)
	if err := errors.Join(p.manager.Add(leader), p.manager.Add(p.gateway)); err != nil {
		return err
	}
	return p.watchGateway(opts)
}

// watchGateway feeds the gateway from the cluster, and tells how it is.
func (p *program) watchGateway(opts GatewayOptions) error {
	deps := operator.Deps{Sink: p.gateway, Watcher: true, Addresses: []translate.Address{publicAddress(opts.Addr, opts.Public)}}
	if !opts.PrivilegedPorts {
		deps.Port = unprivilegedPort
	}
	routes := http.NewServeMux()
	p.modules = []module.Module{operator.New(deps)}
	host := &module.Host{Manager: p.manager, Routes: routes, Trail: noTrail{}, Liveness: p.ready.Liveness, Clock: opts.Clock, Log: opts.Log}
	if err := p.modules[0].Setup(host); err != nil {
		return err
	}
	p.ready.Serves = p.gateway.Ready
	health.Routes(routes, p.ready, p.modules)
	at := Options{HealthAddr: opts.HealthAddr, MetricsAddr: opts.MetricsAddr, Ready: opts.Ready, Log: opts.Log}
	if err := p.listen(at, routes); err != nil {
		return err
	}
	return p.manager.Add(everywhere(func(ctx context.Context) error { return p.watch(ctx, at) }))
}

// noTrail refuses records: a process that only serves does nothing privileged.
type noTrail struct{}

// Record refuses.
func (noTrail) Record(context.Context, trail.Record) error {
	return errors.New("this process keeps no trail of privileged actions")
}

// unprivileged is added to ports that only the administrator of a machine may
// open: 80 becomes 8080.
const unprivileged = 8000

func unprivilegedPort(port int32) uint16 {
	if port < 1024 {
		port += unprivileged
	}
	return uint16(min(max(port, 0), math.MaxUint16))
}

// publicAddress is one to listen on, and what callers use.
func publicAddress(bind netip.Addr, public string) translate.Address {
	return translate.Address{Bind: bind, Public: cmp.Or(public, bind.String())}
}

// leader is how a copy of the server that stands by asks the one that works; nil
// where there are no copies.
func (p *program) leader(opts Options) (*leases.Process, error) {
	if !opts.LeaderElection || opts.Gateway.Redis != "" {
		return nil, nil
	}
	client, err := kubernetes.NewForConfig(opts.Config)
	if err != nil {
		return nil, fmt.Errorf("make the client that finds the leader: %w", err)
	}
	p.standby = leases.NewProcess(client, opts.Clock, opts.Log.With("domain", "gateway"))
	return p.standby, nil
}

// addGateway has the manager run the data plane, and the one that leads answer
// the others.
func (p *program) addGateway(opts Options, direct kubernetes.Interface) error {
	if p.gateway == nil {
		return nil
	}
	if p.standby != nil {
		if err := p.manager.Add(p.standby); err != nil {
			return err
		}
	}
	leading := p.gateway.Leading(leases.Leader{
		Client: direct, Addr: opts.LeasesAddr, Clock: opts.Clock, Log: opts.Log.With("domain", "gateway"),
	})
	return errors.Join(p.manager.Add(p.gateway), p.manager.Add(leading))
}
