// Package apptest runs the program inside a test: what a test of one domain in
// the whole would otherwise repeat. Only tests may use it.
package apptest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/internal/app"
)

// Patience is how long a server may take to become ready, on a busy machine.
const Patience = 5 * time.Minute

// Install installs the platform with gates open, as the administrator of a cluster
// whose API server reaches webhooks on this machine.
func Install(t testing.TB, admin *rest.Config, gates map[string]bool) {
	t.Helper()
	err := app.Install(t.Context(), app.InstallOptions{Config: admin, Webhook: app.WebhookLoopback, FeatureGates: gates, Log: Log()})
	if err != nil {
		t.Fatal(err)
	}
}

// Options are those of a server that keeps its files in a folder of the test.
func Options(dir string, own *rest.Config, gates map[string]bool) app.Options {
	return app.Options{
		Config:    own,
		TrailPath: filepath.Join(dir, "trail.jsonl"), ExportDir: filepath.Join(dir, "exports"),
		FeatureGates: gates, Log: Log(),
	}
}

// Run starts the server, waits until it is ready, and ends it with the test. A
// server that does not end well fails the test.
func Run(t testing.TB, opts app.Options) app.Endpoints {
	t.Helper()
	reached, _ := Start(t, opts)
	return reached
}

// Start is Run, of which a function ends the server before the test does.
func Start(t testing.TB, opts app.Options) (app.Endpoints, func()) {
	t.Helper()
	ready := make(chan app.Endpoints, 1)
	opts.Ready = func(e app.Endpoints) { ready <- e }
	stop, ended := Until(t, func(ctx context.Context) error { return app.Run(ctx, opts) })
	select {
	case reached := <-ready:
		return reached, stop
	case <-ended:
		t.Fatal("the server ended")
	case <-time.After(Patience):
		t.Fatal("the server is not ready")
	}
	return app.Endpoints{}, stop
}

// Until runs something until the returned function is called, or the test ends. Its
// error fails the test. The channel is closed when it has ended.
func Until(t testing.TB, run func(context.Context) error) (stop func(), ended <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil {
			t.Errorf("it ended: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop, done
}

// Log keeps nothing.
func Log() *slog.Logger { return slog.New(slog.DiscardHandler) }

// UseUp asks until a rate is used up. However long the machine takes, no more may
// pass than the rate and what comes back meanwhile.
func UseUp(t testing.TB, rate int, over time.Duration, refused func() bool) {
	t.Helper()
	began := time.Now()
	for passed := 0; !refused(); passed++ {
		if most := rate + int(time.Since(began)*time.Duration(rate)/over) + 1; passed > most {
			t.Fatalf("%d requests passed in %v, and none was over %d in %v", passed, time.Since(began), rate, over)
		}
	}
}
