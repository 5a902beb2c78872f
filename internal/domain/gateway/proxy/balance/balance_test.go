package balance_test

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/balance"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func backend(limits gateway.BackendLimits, addresses ...string) *gateway.Backend {
	b := &gateway.Backend{ID: "default/web:80", Limits: limits}
	for _, address := range addresses {
		b.Endpoints = append(b.Endpoints, gateway.Endpoint{Address: netip.MustParseAddrPort(address)})
	}
	return b
}

func pool(r *balance.Registry, b *gateway.Backend) *balance.Pool {
	pools, _ := r.Update(map[string]*gateway.Backend{b.ID: b})
	return pools[r.Slot(b.ID)]
}

func pick(t *testing.T, p *balance.Pool, at time.Time) *balance.Endpoint {
	t.Helper()
	e, err := p.Pick(at, nil)
	if err != nil {
		t.Fatalf("Pick: %v", err)
	}
	return e
}

func TestLeastLoadedOfTwo(t *testing.T) {
	t.Parallel()
	p := pool(balance.NewRegistry(nil), backend(gateway.BackendLimits{}, "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"))
	load := map[*balance.Endpoint]int{}
	for range 300 {
		load[pick(t, p, now)]++
	}
	for e, n := range load {
		if n < 90 || n > 110 || n != e.Inflight() {
			t.Errorf("%s has %d of 300 requests", e.Address, n)
		}
	}
	for e, n := range load {
		for range n {
			p.Done(e, balance.Answered, now)
		}
		if e.Inflight() != 0 {
			t.Errorf("%s still has %d requests", e.Address, e.Inflight())
		}
	}
}

func TestAvoid(t *testing.T) {
	t.Parallel()
	p := pool(balance.NewRegistry(nil), backend(gateway.BackendLimits{}, "10.0.0.1:80", "10.0.0.2:80"))
	bad := pick(t, p, now)
	for range 20 {
		e, err := p.Pick(now, bad)
		if err != nil || e == bad {
			t.Fatalf("Pick avoiding %s: %v, %v", bad.Address, e, err)
		}
	}
	single := pool(balance.NewRegistry(nil), backend(gateway.BackendLimits{}, "10.0.0.1:80"))
	only := pick(t, single, now)
	if e, err := single.Pick(now, only); err != nil || e != only {
		t.Errorf("the only endpoint was avoided: %v", err)
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	limits := gateway.BackendLimits{ConsecutiveFailures: 3, OpenFor: time.Second}
	registry := balance.NewRegistry(nil)
	p := pool(registry, backend(limits, "10.0.0.1:80"))
	for range 3 {
		p.Done(pick(t, p, now), balance.Failed, now)
	}
	if _, err := p.Pick(now, nil); !errors.Is(err, balance.ErrOpen) {
		t.Fatalf("after 3 failures: %v, want %v", err, balance.ErrOpen)
	}
	p = pool(registry, backend(limits, "10.0.0.1:80", "10.0.0.2:80"))
	for range 10 {
		e := pick(t, p, now)
		if e.Address != netip.MustParseAddrPort("10.0.0.2:80") {
			t.Fatal("another Config forgot that the breaker is open")
		}
		p.Done(e, balance.Answered, now)
	}
	p = pool(registry, backend(limits, "10.0.0.1:80"))
	later := now.Add(time.Second)
	probe := pick(t, p, later)
	if _, err := p.Pick(later, nil); !errors.Is(err, balance.ErrOpen) {
		t.Fatalf("beside the probe: %v, want %v", err, balance.ErrOpen)
	}
	p.Done(probe, balance.Failed, later)
	if _, err := p.Pick(later, nil); !errors.Is(err, balance.ErrOpen) {
		t.Fatalf("after a failed probe: %v, want %v", err, balance.ErrOpen)
	}
	later = later.Add(time.Second)
	p.Done(pick(t, p, later), balance.Answered, later)
	p.Done(pick(t, p, later), balance.Answered, later)
}

func TestFullAndNone(t *testing.T) {
	t.Parallel()
	p := pool(balance.NewRegistry(nil), backend(gateway.BackendLimits{MaxConnections: 1, MaxPending: 1}, "10.0.0.1:80"))
	first := pick(t, p, now)
	pick(t, p, now)
	if _, err := p.Pick(now, nil); !errors.Is(err, balance.ErrFull) {
		t.Errorf("third of two: %v, want %v", err, balance.ErrFull)
	}
	if p.PickSession(first.Session, now) != nil {
		t.Error("a session passes the limit")
	}
	p.Done(first, balance.Unknown, now)
	if e := p.PickSession(first.Session, now); e != first {
		t.Error("the session's endpoint is not found")
	}
	if p.PickSession("other", now) != nil {
		t.Error("an unknown session has an endpoint")
	}
	none := pool(balance.NewRegistry(nil), backend(gateway.BackendLimits{}))
	if _, err := none.Pick(now, nil); !errors.Is(err, balance.ErrNone) {
		t.Errorf("no endpoints: %v, want %v", err, balance.ErrNone)
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	r := balance.NewRegistry([]byte("key"))
	a, b, c := &gateway.Backend{ID: "a"}, &gateway.Backend{ID: "b"}, &gateway.Backend{ID: "c"}
	first, _ := r.Update(map[string]*gateway.Backend{"a": a, "b": b})
	slot := r.Slot("b")
	second, same := r.Update(map[string]*gateway.Backend{"b": b, "c": c})
	if same {
		t.Error("backends came and went, and none has another slot")
	}
	if r.Slot("b") != slot || second[slot] != first[slot] || r.Slot("a") != -1 || second[r.Slot("c")].Backend != c {
		t.Error("a backend that stayed has another slot or pool")
	}
	if first[0].Backend != a && first[1].Backend != a {
		t.Error("pools changed after they were returned")
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		weights []int
	}{
		"Equal":   {"equal weights share equally", []int{1, 1}},
		"Conform": {"Gateway API's own example", []int{70, 30, 0}},
		"Tiny":    {"a small share comes", []int{999, 1}},
		"None":    {"weights of 0 get nothing", []int{0, 5, 0}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const turns = 10000
			w, got, total := balance.NewWeights(tc.weights), make([]int, len(tc.weights)), 0
			for range turns {
				got[w.Next()]++
			}
			for _, weight := range tc.weights {
				total += weight
			}
			for i, weight := range tc.weights {
				if want := turns * weight / total; got[i] < want-10 || got[i] > want+10 {
					t.Errorf("%s: weight %d of %d had %d of %d turns", tc.reason, weight, total, got[i], turns)
				}
			}
		})
	}
	if balance.NewWeights([]int{0, -1}).Next() != -1 || balance.NewWeights(nil).Next() != -1 {
		t.Error("somebody without a share has a turn")
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		numerator, denominator int32
		want                   int
	}{{0, 0, 1000}, {1, 4, 250}, {0, 100, 0}, {100, 100, 1000}, {5, 1000, 5}} {
		s, got := balance.NewSample(tc.numerator, tc.denominator), 0
		for range 1000 {
			if s.Next() {
				got++
			}
		}
		if got < tc.want-2 || got > tc.want+2 {
			t.Errorf("%d of %d: %d of 1000", tc.numerator, tc.denominator, got)
		}
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	budget := pool(balance.NewRegistry(nil), backend(gateway.BackendLimits{})).Budget()
	drain := func(at time.Time) int {
		n := 0
		for budget.Withdraw(at) {
			n++
		}
		return n
	}
	if n := drain(now); n != 100 {
		t.Errorf("the reserve is %d retries, want 100", n)
	}
	for range 1000 {
		budget.Deposit(20)
	}
	if n := drain(now); n != 200 {
		t.Errorf("1000 requests gave %d retries, want 20%%", n)
	}
	if n := drain(now.Add(time.Second)); n != 10 {
		t.Errorf("a second gave %d retries, want 10", n)
	}
}

func TestConcurrently(t *testing.T) {
	t.Parallel()
	p := pool(balance.NewRegistry(nil), backend(gateway.BackendLimits{}, "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"))
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				e, err := p.Pick(now, nil)
				if err != nil {
					continue
				}
				p.Done(e, balance.Result((i+worker)%3), now.Add(time.Duration(i)*time.Second))
			}
		})
	}
	wg.Wait()
	for range 30 {
		e, err := p.Pick(now.Add(time.Hour), nil)
		if err == nil && e.Inflight() > 30 {
			t.Fatalf("%s still has %d requests", e.Address, e.Inflight())
		}
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	p := pool(balance.NewRegistry(nil), backend(gateway.BackendLimits{}, "10.0.0.1:80", "10.0.0.2:80"))
	w := balance.NewWeights([]int{1, 2})
	if n := testing.AllocsPerRun(100, func() {
		w.Next()
		e, _ := p.Pick(now, nil)
		p.Done(e, balance.Answered, now)
	}); n != 0 {
		t.Errorf("choosing an endpoint allocates %v times", n)
	}
}
