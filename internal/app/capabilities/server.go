package capabilities

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

	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/app/serving"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/platformapi"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// Platform is what the HTTP API is served with.
type Platform struct {
	// Callers says who calls.
	Callers Callers
	// Listener is open. Its owner closes it where the server never starts.
	Listener net.Listener
	// Cluster serves TLS behind the Service; without it requests come from this
	// machine's own gateway, in plain text.
	Cluster bool
}

// platform adds the HTTP API to the host.
func (m *Module) platform(host *module.Host, direct kubernetes.Interface) error {
	with := m.deps.Platform
	if with == nil {
		return nil
	}
	known := catalogue{host.Manager.GetClient()}
	accounts, err := platformapi.NewImpersonation(host.Manager.GetConfig(), known, host.Trail, host.Clock)
	if err != nil {
		return err
	}
	handler := platformapi.New(authenticator{with.Callers, settings(true)}, known, accounts,
		platformapi.Documents{OpenAPI: capability.OpenAPI, Docs: capability.Docs}, host.Trail, host.Log)
	return host.Manager.Add(&server{Platform: *with, handler: handler, direct: direct, clock: host.Clock, log: host.Log})
}

// server serves the HTTP API in every copy of the program.
type server struct {
	Platform
	handler *platformapi.Handler
	direct  kubernetes.Interface
	clock   clock.WithTicker
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
}

var _ manager.LeaderElectionRunnable = (*server)(nil)

// NeedLeaderElection says no: every copy answers.
func (*server) NeedLeaderElection() bool { return false }

// Times of serving.
const (
	// renewCheck is how often the certificate is looked after.
	renewCheck = 12 * time.Hour
	// grace is how long requests may take to end.
	grace = 5 * time.Second
)

// Start serves until the context ends, then ends watches and lets the rest finish.
func (s *server) Start(ctx context.Context) error {
	listener := s.Listener
	if s.Cluster {
		if err := s.certify(ctx); err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.current.Load(), nil },
		})
		go s.keepFresh(ctx)
	}
	web := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		s.handler.EndStreams()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if web.Shutdown(limited) != nil {
			_ = web.Close() // What outlived the grace period is cut off.
		}
	})
	err := web.Serve(listener)
	if !stop() {
		<-drained
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the HTTP API: %w", err)
	}
	return nil
}

// certify uses the certificate that all copies share, after gateways can know who
// vouches for it.
func (s *server) certify(ctx context.Context) error {
	shared, err := serving.Shared(ctx, s.direct, s.clock.Now(), certificateSecret, serviceHost)
	if err != nil {
		return err
	}
	if err := serving.Publish(ctx, s.direct, authorities, shared.Authority); err != nil {
		return err
	}
	pair, err := shared.Pair()
	if err != nil {
		return err
	}
	s.current.Store(&pair)
	return nil
}

// keepFresh renews the certificate long before it ends. An attempt that fails is
// made again at the next look.
func (s *server) keepFresh(ctx context.Context) {
	ticker := s.clock.NewTicker(renewCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		if err := s.certify(ctx); err != nil {
			s.log.WarnContext(ctx, "the certificate of the HTTP API cannot be looked after", "error", err)
		}
	}
}
