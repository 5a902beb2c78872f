package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/adapter/database/postgrestest"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/ledger"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func eachDatabase(t *testing.T, run func(*testing.T, *ledger.Store)) {
	t.Helper()
	for name, where := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "history.db") },
		"postgres": func(t *testing.T) string { return postgrestest.Start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, dialect, err := database.Open(t.Context(), where(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			store, err := ledger.Open(t.Context(), db, dialect)
			if err != nil {
				t.Fatal(err)
			}
			run(t, store)
		})
	}
}

// call is an exchange that a backend answered, unless changed.
func call(at time.Duration, method, path string, change ...func(*exchange.Exchange)) *exchange.Exchange {
	x := &exchange.Exchange{
		Start: start.Add(at), Method: method, Path: path, Attempts: 1, Status: 200,
		Lifecycle: &gateway.Lifecycle{API: "databases", Version: "v1"},
		Identity:  &gateway.Identity{Tenant: "payments", Client: "api"},
	}
	for _, c := range change {
		c(x)
	}
	return x
}

func TestUsesAreWritten(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, store *ledger.Store) {
		l := ledger.New(store, clocktesting.NewFakeClock(start), slog.New(slog.DiscardHandler))
		for _, x := range []*exchange.Exchange{
			call(0, "GET", "/v1/databases"),
			call(time.Second, "GET", "/v1/databases/"),
			call(2*time.Second, "GET", "/v1/databases/orders"),
			call(3*time.Second, "BREW", "/v1/databases/orders/events/1"),
			call(4*time.Second, "POST", "/v1/databases", func(x *exchange.Exchange) { x.Identity = nil }),
			call(5*time.Second, "GET", "/v1/databases", func(x *exchange.Exchange) { x.Attempts, x.Status = 0, 429 }),
			call(5*time.Second, "GET", "/elsewhere", func(x *exchange.Exchange) { x.Lifecycle = nil }),
		} {
			l.Record(x)
		}
		flush(t, l)
		l.Record(call(time.Minute, "GET", "/v1/databases"))
		flush(t, l)
		flush(t, l)

		got, err := store.Uses(t.Context(), ledger.Query{API: "databases", Version: "v1"})
		if err != nil {
			t.Fatal(err)
		}
		use := func(tenant, client, operation string, count int64, first, last time.Duration) ledger.Use {
			return ledger.Use{
				Tenant: tenant, Client: client, API: "databases", Version: "v1", Operation: operation,
				Count: count, First: start.Add(first), Last: start.Add(last),
			}
		}
		want := []ledger.Use{
			use("", "", "POST /v1/databases", 1, 4*time.Second, 4*time.Second),
			use("payments", "api", "GET /v1/databases", 3, 0, time.Minute),
			use("payments", "api", "GET /v1/databases/{name}", 1, 2*time.Second, 2*time.Second),
			use("payments", "api", "OTHER /v1/databases/{name}/*", 1, 3*time.Second, 3*time.Second),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("uses (-want +got):\n%s", diff)
		}
		since, err := store.Uses(t.Context(), ledger.Query{Tenant: "payments", Since: start.Add(30 * time.Second)})
		if err != nil || len(since) != 1 || since[0].Operation != "GET /v1/databases" {
			t.Errorf("since half a minute: %v, %v", since, err)
		}
		if err := store.Prune(t.Context(), start.Add(30*time.Second)); err != nil {
			t.Fatal(err)
		}
		if left, err := store.Uses(t.Context(), ledger.Query{}); err != nil || len(left) != 1 {
			t.Errorf("after pruning: %v, %v", left, err)
		}
	})
}

func flush(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// sink takes uses, or refuses them.
type sink struct {
	mu     sync.Mutex
	refuse bool
	count  int64
	writes int
}

func (s *sink) Add(_ context.Context, uses []ledger.Use) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse {
		return errors.New("the database is away")
	}
	s.writes++
	for _, use := range uses {
		s.count += use.Count
	}
	return nil
}

func (s *sink) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// What the store could not take is offered again, and nothing is lost when the
// program ends.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	kept := &sink{refuse: true}
	clock := clocktesting.NewFakeClock(start)
	l := ledger.New(kept, clock, slog.New(slog.DiscardHandler))
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 1000 {
				l.Record(call(0, "GET", "/v1/databases", func(x *exchange.Exchange) {
					x.Identity = &gateway.Identity{Tenant: "t", Client: fmt.Sprint(worker, i%50)}
				}))
				if i%100 == 0 {
					_ = l.Flush(t.Context()) // it is refused
				}
			}
		})
	}
	group.Wait()
	kept.mu.Lock()
	kept.refuse = false
	kept.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	cancel()
	<-done
	if got := kept.total(); got != 8000 {
		t.Errorf("%d uses arrived of 8000", got)
	}
}

// Run writes when the clock says so, and not when there is nothing to write.
func TestRunKeepsPace(t *testing.T) {
	t.Parallel()
	kept := &sink{}
	clock := clocktesting.NewFakeClock(start)
	l := ledger.New(kept, clock, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	l.Record(call(0, "GET", "/v1/databases"))
	for deadline := time.Now().Add(time.Minute); kept.total() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing was written")
		}
		clock.Step(ledger.Pause)
	}
	cancel()
	<-done
	if kept.writes != 1 {
		t.Errorf("%d writes for one use", kept.writes)
	}
}

// Memory is bounded, and known uses are counted even when it is full.
func TestCapacity(t *testing.T) {
	t.Parallel()
	kept := &sink{}
	l := ledger.New(kept, clocktesting.NewFakeClock(start), slog.New(slog.DiscardHandler))
	record := func(client string) {
		l.Record(call(0, "GET", "/v1/databases", func(x *exchange.Exchange) { x.Identity = &gateway.Identity{Client: client} }))
	}
	const clients = 2 * ledger.Capacity
	for i := range clients {
		record(strconv.Itoa(i))
	}
	before := l.Dropped()
	record("0")
	if l.Dropped() != before {
		t.Error("a known use was dropped")
	}
	flush(t, l)
	if got := kept.total() + l.Dropped(); got != clients+1 {
		t.Errorf("%d uses written and dropped of %d", got, clients+1)
	}
	if kept.total() > ledger.Capacity+1 || kept.total() < ledger.Capacity*9/10 {
		t.Errorf("%d uses were held", kept.total())
	}
}

func BenchmarkRecord(b *testing.B) {
	l := ledger.New(&sink{}, clocktesting.NewFakeClock(start), slog.New(slog.DiscardHandler))
	x := call(0, "GET", "/v1/databases/orders")
	b.ReportAllocs()
	for b.Loop() {
		l.Record(x)
	}
}
