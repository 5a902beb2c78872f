package steps_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/fields"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

const soon = time.Minute

// startManager runs a manager whose cache holds nothing but the bench's object.
func startManager(t *testing.T, b *bench, setup func(manager.Manager) error) {
	t.Helper()
	env := kubetest.Start(t)
	mgr, err := manager.New(env.Admin, manager.Options{
		Scheme:  env.Scheme,
		Logger:  logr.Discard(),
		Metrics: metricsserver.Options{BindAddress: "0"},
		// Names are unique in a process; -count runs the test more often.
		Controller: config.Controller{SkipNameValidation: new(true)},
		Cache:      cache.Options{ByObject: map[client.Object]cache.ByObject{newUnit(): {Field: fields.OneTermEqualSelector("metadata.name", b.key.Name)}}},
	})
	if err != nil {
		t.Fatalf("make manager: %v", err)
	}
	if err := setup(mgr); err != nil {
		t.Fatalf("set up: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("manager: %v", err)
		}
	})
}

func TestSetup(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	clock := clocktesting.NewFakeClock(noon)
	liveness := steps.NewLiveness(clock, steps.SilenceLimit)
	var stuck atomic.Pointer[chan struct{}]
	var passes atomic.Int32
	hold := step{Condition: "Applied", Run: func(context.Context, *unit) steps.Result {
		passes.Add(1)
		if wait := stuck.Load(); wait != nil {
			<-*wait
		}
		return steps.Done("Applied", "")
	}}
	startManager(t, b, func(mgr manager.Manager) error {
		runner := steps.New(mgr.GetClient(), newUnit, steps.Options{
			Name: "steps-setup", Clock: clock, Liveness: liveness, Log: slog.New(slog.DiscardHandler),
		}, []step{hold})
		err := runner.Setup(mgr, func(b *builder.Builder) *builder.Builder { return b })
		if liveness.Check(t.Context()) == nil {
			t.Error("a controller that was announced counts as alive before its first beat")
		}
		return err
	})

	kubetest.Eventually(t, soon, "the object is ready and the controller alive", func() error {
		if !condition.IsTrue(b.read(t).Status.Conditions, condition.Ready) {
			return errors.New("not ready")
		}
		return liveness.Check(t.Context())
	})
	idleStaysAlive(t, b, clock, liveness, &passes)

	release := make(chan struct{})
	stuck.Store(&release)
	touch(t, b)
	kubetest.Eventually(t, soon, "a controller that is stuck is named", func() error {
		clock.Step(5 * time.Second)
		err := liveness.Check(t.Context())
		if err == nil {
			return errors.New("check says nothing")
		}
		if !strings.Contains(err.Error(), `controller "steps-setup" has been silent`) {
			return fmt.Errorf("check says something else: %w", err)
		}
		return nil
	})
	stuck.Store(nil)
	close(release)
	kubetest.Eventually(t, soon, "it is alive again", func() error { return liveness.Check(t.Context()) })
}

// idleStaysAlive holds that minutes without work are no silence, and no work.
func idleStaysAlive(t *testing.T, b *bench, clock *clocktesting.FakeClock, liveness *steps.Liveness, passes *atomic.Int32) {
	t.Helper()
	version, before := b.read(t).ResourceVersion, passes.Load()
	for range 20 {
		clock.Step(10 * time.Second)
		kubetest.Eventually(t, soon, "the heartbeat is answered", func() error { return liveness.Check(t.Context()) })
	}
	if got := b.read(t).ResourceVersion; got != version {
		t.Errorf("an idle controller wrote: version %s became %s", version, got)
	}
	if ran := passes.Load() - before; ran > 1 {
		t.Errorf("an idle controller made %d passes, want at most the one that its own write calls for", ran)
	}
}

// touch changes the object's wish.
func touch(t *testing.T, b *bench) {
	t.Helper()
	object := b.read(t)
	object.Spec.DisplayName = "Retail"
	if err := b.client.Update(t.Context(), object); err != nil {
		t.Fatalf("touch: %v", err)
	}
}
