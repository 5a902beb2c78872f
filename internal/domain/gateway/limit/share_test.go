package limit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
)

// process makes a Limiter that asks the store.
func process(t testing.TB, clock clock.PassiveClock, store limit.Store, processes int, policies ...*gateway.RateLimit) *limit.Limiter {
	t.Helper()
	made := limit.New(clock, limit.WithStore(t.Context(), store, func() int { return processes }), limit.WithPatience(time.Minute))
	made.Update(config(policies...))
	t.Cleanup(made.Close)
	return made
}

// leader serves the leases of a Limiter on loopback.
func leader(t testing.TB, clock clock.PassiveClock, policies ...*gateway.RateLimit) (*limit.Limiter, *httptest.Server) {
	t.Helper()
	made := limit.New(clock, limit.WithStore(t.Context(), nil, func() int { return 1 }))
	made.Update(config(policies...))
	mux := http.NewServeMux()
	mux.Handle(limit.LeasePath, limit.NewLessor(made))
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	return made, server
}

// TestProcessesShareARate has a leader and two more processes, each asked for
// more than the whole rate.
func TestProcessesShareARate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		requests, burst int64
		over            time.Duration
		step            time.Duration
	}{
		"fast": {requests: 5000, burst: 500, over: 4 * time.Second, step: 50 * time.Microsecond},
		"slow": {requests: 20, burst: 20, over: 20 * time.Second, step: 10 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &racing{}
			standard := policy(test.requests, time.Second, test.burst)
			first, server := leader(t, clock, standard)
			limiters := []*limit.Limiter{first}
			for i := range 2 {
				remote := limit.NewRemote(server.Client(), func() string { return server.URL }, fmt.Sprint("process-", i))
				limiters = append(limiters, process(t, clock, remote, 3, standard))
			}
			var passed atomic.Int64
			var crowd sync.WaitGroup
			for _, limiter := range limiters {
				crowd.Go(func() {
					for at := clock.Now(); at.Sub(begin) < test.over; at = clock.step(test.step) {
						if limiter.Take(context.Background(), of(standard, "shop", at)).Allowed {
							passed.Add(1)
						}
					}
				})
			}
			crowd.Wait()
			most := float64(test.requests)*test.over.Seconds() + float64(test.burst)
			if got := float64(passed.Load()); got > most*1.01+1 || got < most*0.95 {
				t.Errorf("%.0f passed, want up to %.0f", got, most)
			}
		})
	}
}

func TestRemoteCountsProcesses(t *testing.T) {
	t.Parallel()
	clock := testclock.NewFakePassiveClock(begin)
	standard := policy(1000, time.Second, 0)
	_, server := leader(t, clock, standard)
	var remotes []*limit.Remote
	for i := range 3 {
		remote := limit.NewRemote(server.Client(), func() string { return server.URL }, fmt.Sprint("process-", i))
		remotes = append(remotes, remote)
		process(t, clock, remote, 1, standard).Take(t.Context(), of(standard, "shop", begin))
	}
	if got := remotes[2].Processes(); got != 4 {
		t.Errorf("the leader counts %d processes, want itself and three", got)
	}
	clock.SetTime(begin.Add(time.Minute))
	process(t, clock, remotes[0], 1, standard).Take(t.Context(), of(standard, "shop", clock.Now()))
	if got := remotes[0].Processes(); got != 2 {
		t.Errorf("the leader counts %d processes a minute later, want itself and the one that asked", got)
	}
}

// broken is a Store that cannot be asked.
type broken struct{ asked atomic.Int64 }

func (b *broken) Take(context.Context, string, time.Duration, time.Duration, int64) (int64, time.Duration, error) {
	b.asked.Add(1)
	return 0, 0, errors.New("no route to host")
}

func TestFailureModes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mode        gateway.FailureMode
		passed      int
		unavailable bool
		reason      string
	}{
		"local":   {gateway.FailLocal, 25, false, "one of four processes has a quarter of the budget"},
		"open":    {gateway.FailOpen, 200, false, "all pass"},
		"closed":  {gateway.FailClosed, 0, true, "none passes, and it is not the caller's fault"},
		"default": {"", 25, false, "Local is the default"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			standard := policy(100, time.Minute, 0)
			standard.Failure = test.mode
			store := &broken{}
			limiter := process(t, testclock.NewFakePassiveClock(begin), store, 4, standard)
			passed := 0
			var last exchange.Decision
			for range 200 {
				if last = limiter.Take(t.Context(), of(standard, "shop", begin)); last.Allowed {
					passed++
				}
			}
			if passed != test.passed || last.Unavailable != test.unavailable {
				t.Errorf("%d passed, unavailable %v, want %d, %v: %s", passed, last.Unavailable, test.passed, test.unavailable, test.reason)
			}
			if asked := store.asked.Load(); asked != 1 {
				t.Errorf("a store that failed was asked %d times at once", asked)
			}
		})
	}
}

// faulty is a Store that works or does not.
type faulty struct {
	broken
	limit.Store
	fails atomic.Bool
}

func (f *faulty) Take(ctx context.Context, name string, interval, tolerance time.Duration, want int64) (int64, time.Duration, error) {
	if f.fails.Load() {
		return f.broken.Take(ctx, name, interval, tolerance, want)
	}
	return f.Store.Take(ctx, name, interval, tolerance, want)
}

func TestStoreComesBack(t *testing.T) {
	t.Parallel()
	clock := testclock.NewFakePassiveClock(begin)
	standard := policy(100, time.Minute, 0)
	_, server := leader(t, clock, standard)
	store := &faulty{Store: limit.NewRemote(server.Client(), func() string { return server.URL }, "a")}
	store.fails.Store(true)
	limiter := process(t, clock, store, 100, standard)
	for range 3 {
		limiter.Take(t.Context(), of(standard, "shop", clock.Now()))
	}
	if d := limiter.Take(t.Context(), of(standard, "shop", clock.Now())); d.Allowed {
		t.Fatal("more than the own share passes without the store")
	}
	store.fails.Store(false)
	for deadline := time.Now().Add(time.Minute); ; {
		clock.SetTime(clock.Now().Add(100 * time.Millisecond))
		if limiter.Take(t.Context(), of(standard, "shop", clock.Now())).Allowed {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the store is back and nobody asks it")
		}
	}
}

func TestLeaderThatDoesNotKnowYet(t *testing.T) {
	t.Parallel()
	clock := testclock.NewFakePassiveClock(begin)
	known, fresh := policy(100, time.Minute, 0), policy(10, time.Minute, 0)
	fresh.Name = "apis/fresh"
	_, server := leader(t, clock, known)
	limiter := process(t, clock, limit.NewRemote(server.Client(), func() string { return server.URL }, "a"), 2, known, fresh)
	passed := 0
	for range 20 {
		if limiter.Take(t.Context(), of(fresh, "shop", begin)).Allowed {
			passed++
		}
	}
	if passed != 5 {
		t.Errorf("%d passed of a policy the leader does not know, want the own share of 5", passed)
	}
	if d := limiter.Take(t.Context(), of(known, "shop", begin)); !d.Allowed || d.Remaining < 90 {
		t.Errorf("a policy that the leader knows suffers from one it does not: %+v", d)
	}
}

func TestFollowerBecomesLeader(t *testing.T) {
	t.Parallel()
	clock := testclock.NewFakePassiveClock(begin)
	standard := policy(100, time.Hour, 0)
	_, server := leader(t, clock, standard)
	limiter := process(t, clock, limit.NewRemote(server.Client(), func() string { return server.URL }, "a"), 2, standard)
	for range 60 {
		limiter.Take(t.Context(), of(standard, "shop", begin))
	}
	limiter.SetStore(nil)
	if d := limiter.Take(t.Context(), of(standard, "shop", begin)); !d.Allowed || d.Remaining > 39 {
		t.Errorf("what was spent before is forgotten by the new leader: %+v", d)
	}
}

func TestLessorRefuses(t *testing.T) {
	t.Parallel()
	_, server := leader(t, testclock.NewFakePassiveClock(begin), policy(1, time.Second, 1))
	for name, test := range map[string]struct {
		method, body string
		want         int
	}{
		"get":       {http.MethodGet, "", http.StatusMethodNotAllowed},
		"no json":   {http.MethodPost, "x", http.StatusBadRequest},
		"no wish":   {http.MethodPost, `{"budget":"apis/standard\n\n\n\n"}`, http.StatusBadRequest},
		"bad name":  {http.MethodPost, `{"budget":"apis/standard","want":1}`, http.StatusBadRequest},
		"bad place": {http.MethodPost, `{"budget":"apis/standard\n\n\nnowhere\n","want":1}`, http.StatusBadRequest},
		"unknown":   {http.MethodPost, `{"budget":"apis/other\n\n\n\n","want":1}`, http.StatusNotFound},
		"known":     {http.MethodPost, `{"budget":"apis/standard\n\n\n\n","want":1}`, http.StatusOK},
	} {
		request := httptest.NewRequestWithContext(t.Context(), test.method, limit.LeasePath, http.NoBody)
		request.Body = http.NoBody
		if test.body != "" {
			request = httptest.NewRequestWithContext(t.Context(), test.method, limit.LeasePath, strings.NewReader(test.body))
		}
		recorder := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(recorder, request)
		if recorder.Code != test.want {
			t.Errorf("%s: %d, want %d: %s", name, recorder.Code, test.want, recorder.Body)
		}
	}
}
