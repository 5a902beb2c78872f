package background_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/background"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// patience is how long tests wait for what takes a moment.
const patience = time.Minute

// world is policies, overrides and kinds that change when a test says so.
type world struct {
	policies  func()
	overrides func(before, after v1alpha1.OverrideLedgerSpec)

	mu     sync.Mutex
	synced bool // guarded by mu
}

func (*world) Evaluators() []policy.Evaluator { return nil }

func (w *world) OnChange(listener func()) { w.policies = listener }

func (w *world) Synced() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.synced
}

func (w *world) sync() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.synced = true
}

type ledger struct{ *world }

func (ledger) Waives(policy.Info, string, *policy.Request, time.Time) string { return "" }

func (ledger) Narrows(policy.Info, string, *policy.Request, time.Time) []policy.Narrowing { return nil }

func (l ledger) OnChange(listener func(before, after v1alpha1.OverrideLedgerSpec)) {
	l.overrides = listener
}

// scanner tells what it was told.
type scanner struct {
	used    chan struct{}
	amended chan map[history.Query]bool
	fail    chan error
}

func (s scanner) Use(*policy.Set) { s.used <- struct{}{} }

func (s scanner) Amend(_ context.Context, _ *policy.Set, about ...history.Query) error {
	select {
	case err := <-s.fail:
		return err
	default:
	}
	queries := map[history.Query]bool{}
	for _, query := range about {
		queries[query] = true
	}
	s.amended <- queries
	return nil
}

// broken is a scanner that never can, for a thousand times.
type broken struct {
	scanner
	tried *atomic.Int32
}

func (b broken) Amend(context.Context, *policy.Set, ...history.Query) error {
	if b.tried.Add(1) < 1000 {
		return errors.New("an object cannot be read")
	}
	return nil
}

// TestFeedPauses: what cannot be told is tried again, and does not keep the
// program busy.
func TestFeedPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, s := &world{synced: true}, broken{scanner{used: make(chan struct{}, 8)}, &atomic.Int32{}}
		run(t, w, s)
		synctest.Wait()
		w.overrides(spec(), spec(waiver("shop/new")))
		<-time.After(10 * time.Minute)
		if tried := s.tried.Load(); tried < 10 || tried > 40 {
			t.Errorf("tried %d times in ten minutes, want about twice a minute", tried)
		}
	})
}

type kinds struct{}

func (kinds) Served(context.Context) ([]policy.Served, error) { return nil, nil }

func start(t *testing.T, w *world) scanner {
	t.Helper()
	s := scanner{used: make(chan struct{}, 8), amended: make(chan map[history.Query]bool, 8), fail: make(chan error, 1)}
	run(t, w, s)
	return s
}

func run(t *testing.T, w *world, s background.Scanner) {
	t.Helper()
	feed := background.New(background.Deps{
		Policies: w, Overrides: ledger{w}, Scanner: s, Resources: kinds{}, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- feed.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatalf("%s: not after %v", what, patience)
		panic("unreachable")
	}
}

func waiver(override string) v1alpha1.Waiver {
	return v1alpha1.Waiver{Override: override, ExpiresAt: metav1.Unix(1, 0)}
}

func spec(waivers ...v1alpha1.Waiver) v1alpha1.OverrideLedgerSpec {
	return v1alpha1.OverrideLedgerSpec{Policies: map[string]v1alpha1.Waivers{"p": waivers}}
}

// TestFeed: nothing is judged by half of the policies, everything when they
// change, and only what overrides are about when those do.
func TestFeed(t *testing.T) {
	t.Parallel()
	w := &world{}
	s := start(t, w)
	w.policies()
	select {
	case <-s.used:
		t.Fatal("a scan began before the policies were read")
	case <-time.After(50 * time.Millisecond):
	}
	w.sync()
	await(t, "the first scan", s.used)
	w.policies()
	await(t, "a scan by other policies", s.used)

	s.fail <- errors.New("the store is away")
	w.overrides(spec(), spec(waiver("shop/new")))
	want := map[history.Query]bool{
		{Policy: "p", Status: policy.Fail}: true, {Policy: "p", Status: policy.Error}: true, {Policy: "p", Status: policy.Warn}: true,
	}
	if diff := cmp.Diff(want, await(t, "an override that began, tried again", s.amended)); diff != "" {
		t.Error(diff)
	}
	w.overrides(spec(waiver("shop/old"), waiver("shop/kept")), spec(waiver("shop/kept")))
	if diff := cmp.Diff(map[history.Query]bool{{Policy: "p", Override: "shop/old"}: true}, await(t, "an override that ended", s.amended)); diff != "" {
		t.Error(diff)
	}
	controls := waiver("shop/controls")
	controls.PodSecurity = []v1alpha1.PodSecurityControl{{ControlName: "Sysctls"}}
	w.overrides(spec(controls), spec())
	if diff := cmp.Diff(map[history.Query]bool{{Policy: "p", Status: policy.Skip}: true}, await(t, "an override of controls that ended", s.amended)); diff != "" {
		t.Error(diff)
	}
}
