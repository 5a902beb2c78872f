// Package controllertest has a domain's controllers at work against a real API
// server, as the program has them.
package controllertest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// LogVariable is the environment variable that has controllers write their log to
// standard error.
const LogVariable = "ROADBED_TEST_LOG"

// patience is how long controllers may take until each of them reconciles.
const patience = 2 * time.Minute

// Log is where controllers write: nowhere, unless LogVariable is set.
func Log() *slog.Logger {
	if os.Getenv(LogVariable) == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// Host is what a domain is set up with: a manager that acts by the connection
// without a limit of its own, serves nothing and leads without an election. change
// changes the manager's options.
func Host(t testing.TB, env *kubetest.Env, connection *rest.Config, recorder trail.Recorder, change ...func(*manager.Options)) *module.Host {
	t.Helper()
	connection = rest.CopyConfig(connection)
	connection.QPS, connection.Burst = -1, -1
	log := logr.FromSlogHandler(Log().Handler())
	ctrl.SetLogger(log)
	options := manager.Options{
		Scheme: env.Scheme, Logger: log,
		Cache:                  cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Client:                 client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}},
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		WebhookServer:          noWebhooks{},
		// Names are unique in a process; a test may run controllers more often.
		Controller: config.Controller{SkipNameValidation: new(true)},
	}
	for _, one := range change {
		one(&options)
	}
	mgr, err := ctrl.NewManager(connection, options)
	if err != nil {
		t.Fatal(err)
	}
	return &module.Host{
		Manager: mgr, Routes: http.NewServeMux(), Trail: recorder, Clock: clock.RealClock{},
		Liveness: steps.NewLiveness(clock.RealClock{}, steps.SilenceLimit), Log: Log(),
	}
}

// Run starts the host's controllers and returns when each of them reconciles. stop
// ends them and tells what they ended with, however often it is called.
func Run(t testing.TB, host *module.Host) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- host.Manager.Start(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	kubetest.Eventually(t, patience, "every controller reconciles", func() error { return host.Liveness.Check(ctx) })
	return stop
}

// UntilEnd is Run until the test ends.
func UntilEnd(t testing.TB, host *module.Host) {
	t.Helper()
	stop := Run(t, host)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the controllers ended with: %v", err)
		}
	})
}

// noWebhooks takes webhooks and serves none: controllers must hold without.
type noWebhooks struct{ webhook.Server }

func (noWebhooks) Register(string, http.Handler) {}
func (noWebhooks) WebhookMux() *http.ServeMux    { return http.NewServeMux() }
func (noWebhooks) NeedLeaderElection() bool      { return false }
func (noWebhooks) Start(context.Context) error   { return nil }

// ErrFull is what a Trail that refuses a record answers.
var ErrFull = errors.New("the trail's disk is full")

// Trail keeps records for tests to look at. Its zero value takes every one.
type Trail struct {
	mu      sync.Mutex
	records []trail.Record          // guarded by mu
	refuses func(trail.Record) bool // guarded by mu; nil refuses nothing
}

var _ trail.Recorder = (*Trail)(nil)

// Record keeps a record, or answers ErrFull.
func (m *Trail) Record(_ context.Context, record trail.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuses != nil && m.refuses(record) {
		return ErrFull
	}
	m.records = append(m.records, record)
	return nil
}

// Refuse makes the trail fail for the records chosen; nil ends that.
func (m *Trail) Refuse(chosen func(trail.Record) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuses = chosen
}

// Of are the records chosen, in order.
func (m *Trail) Of(chosen func(trail.Record) bool) []trail.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []trail.Record
	for _, record := range m.records {
		if chosen(record) {
			found = append(found, record)
		}
	}
	return found
}

// Actions are what was done to an object, in order.
func (m *Trail) Actions(kind, name string) []string {
	var found []string
	for _, record := range m.Of(func(r trail.Record) bool { return r.Object.Kind == kind && r.Object.Name == name }) {
		found = append(found, record.Action)
	}
	return found
}
