package reports

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
)

// Cluster serves reports behind a Service, beside copies of itself. All fields
// are required.
type Cluster struct {
	// Client writes without a cache, with the scheme of apiregistration.k8s.io/v1.
	Client client.Client
	// Direct asks the API server who may do what.
	Direct kubernetes.Interface
	Store  reportapi.Store
	// Certificate is the one that all copies share; it is asked for again and
	// again, and renews it in time.
	Certificate func(ctx context.Context) (authority []byte, pair tls.Certificate, err error)
	// Address and HealthAddress are what it listens on.
	Address, HealthAddress string
	Clock                  clock.WithTicker
	Log                    *slog.Logger
}

// refresh is how often the certificate and the registration are looked after.
const refresh = 12 * time.Hour

// Run serves until the context ends. The registration stays: copies go on.
func (c *Cluster) Run(ctx context.Context) error {
	server, err := reportapi.New(ctx, reportapi.Deps{Client: c.Direct, Store: c.Store, Clock: c.Clock, Log: c.Log})
	if err != nil {
		return err
	}
	authority, pair, err := c.Certificate(ctx)
	if err != nil {
		return err
	}
	var current atomic.Pointer[tls.Certificate]
	current.Store(&pair)
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return fmt.Errorf("listen for reports: %w", err)
	}
	var ready atomic.Bool
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx, listener, current.Load) })
	group.Go(func() error { return c.health(ctx, &ready) })
	group.Go(func() error {
		c.register(ctx, authority, &current, &ready)
		return nil
	})
	return group.Wait()
}

// register leads the API server here, and looks after the certificate.
func (c *Cluster) register(ctx context.Context, authority []byte, current *atomic.Pointer[tls.Certificate], ready *atomic.Bool) {
	for {
		pause := refresh
		err := reportapi.Registration{Client: c.Client, Authority: authority}.Register(ctx)
		if err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "policy reports are not all registered", "error", err)
		}
		ready.Store(ready.Load() || err == nil || errors.Is(err, reportapi.ErrForeign))
		if !ready.Load() {
			pause = retry
		}
		select {
		case <-ctx.Done():
			return
		case <-c.Clock.After(pause):
		}
		renewed, pair, err := c.Certificate(ctx)
		if err != nil {
			c.Log.WarnContext(ctx, "the certificate of reports cannot be looked after", "error", err)
			continue
		}
		authority = renewed
		current.Store(&pair)
	}
}

// health answers a kubelet.
func (c *Cluster) health(ctx context.Context, ready *atomic.Bool) error {
	listener, err := net.Listen("tcp", c.HealthAddress)
	if err != nil {
		return fmt.Errorf("listen for health: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "not registered yet", http.StatusServiceUnavailable)
			return
		}
	})
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = web.Close() }) // a kubelet asks again
	defer stop()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health: %w", err)
	}
	return nil
}
