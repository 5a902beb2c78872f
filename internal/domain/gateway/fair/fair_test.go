package fair_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/fair"
)

const backend = "shop/web:80"

// fill takes all the room of the backend, half for each of two tenants.
func fill(t *testing.T, f *fair.Fair) []exchange.Pass {
	t.Helper()
	var passes []exchange.Pass
	for i := range f.State(backend).Limit {
		one, err := f.Enter(t.Context(), backend, fmt.Sprint("filler-", i%2))
		if err != nil {
			t.Fatal(err)
		}
		passes = append(passes, one)
	}
	return passes
}

// until polls, for goroutines to get where they wait.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestNobodyHasAll(t *testing.T) {
	t.Parallel()
	f := fair.New(testclock.NewFakeClock(time.Now()))
	limit := f.State(backend).Limit
	for range limit - limit/8 {
		if _, err := f.Enter(t.Context(), backend, "loud"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Enter(t.Context(), backend, "quiet"); err != nil {
		t.Errorf("there is no room beside a loud tenant: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Enter(ctx, backend, "loud"); !errors.Is(err, context.Canceled) {
		t.Errorf("the loud tenant has all of the backend: %v", err)
	}
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	clock := testclock.NewFakeClock(time.Now())
	f := fair.New(clock)
	passes := fill(t, f)
	refused := make(chan error, 1)
	go func() {
		_, err := f.Enter(context.Background(), backend, "shop")
		refused <- err
	}()
	until(t, "the request waits", func() bool { return clock.HasWaiters() && f.State(backend).Waiting == 1 })
	clock.Step(time.Second)
	if err := <-refused; !errors.Is(err, fair.ErrShed) {
		t.Errorf("after its time the request is told %v", err)
	}
	for _, one := range passes {
		one.Leave(exchange.Outcome{Latency: time.Millisecond})
	}
	if state := f.State(backend); state.Inside != 0 || state.Waiting != 0 {
		t.Errorf("after all have left: %+v", state)
	}
}

func TestHeaviestIsShedFirst(t *testing.T) {
	t.Parallel()
	f := fair.New(testclock.NewFakeClock(time.Now()))
	passes := fill(t, f)
	var shed, entered [2]atomic.Int64
	var crowd sync.WaitGroup
	queue := func(who int, tenant string) {
		crowd.Go(func() {
			one, err := f.Enter(context.Background(), backend, tenant)
			if err != nil {
				shed[who].Add(1)
				return
			}
			entered[who].Add(1)
			one.Leave(exchange.Outcome{Dropped: true})
		})
	}
	for range 1500 {
		queue(0, "loud")
	}
	until(t, "the queue is full", func() bool { return shed[0].Load() == 1500-1024 && f.State(backend).Waiting == 1024 })
	for range 100 {
		queue(1, "quiet")
	}
	until(t, "the loud tenant made room", func() bool { return shed[0].Load() == 1500-1024+100 && f.State(backend).Waiting == 1024 })
	for _, one := range passes {
		one.Leave(exchange.Outcome{Dropped: true})
	}
	crowd.Wait()
	if shed[1].Load() != 0 || entered[1].Load() != 100 {
		t.Errorf("of the quiet tenant %d were shed and %d let in, want all 100 in", shed[1].Load(), entered[1].Load())
	}
}

// TestCrowd has goroutines of 21 tenants call a backend, one tenant with twenty
// times as many.
func TestCrowd(t *testing.T) {
	t.Parallel()
	f := fair.New(clock.RealClock{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var passed, shed [21]atomic.Int64
	var crowd sync.WaitGroup
	call := func(who int) {
		one, err := f.Enter(context.Background(), backend, fmt.Sprint("tenant-", who))
		if err != nil {
			shed[who].Add(1)
			return
		}
		began := time.Now()
		<-time.After(2 * time.Millisecond)
		one.Leave(exchange.Outcome{Latency: time.Since(began)})
		passed[who].Add(1)
	}
	for who := range 21 {
		callers := 10
		if who == 20 {
			callers = 200
		}
		for range callers {
			crowd.Go(func() {
				for ctx.Err() == nil {
					call(who)
				}
			})
		}
	}
	crowd.Wait()
	for who := range 20 {
		if good, bad := passed[who].Load(), shed[who].Load(); float64(good) < 0.999*float64(good+bad) || good == 0 {
			t.Errorf("tenant %d: %d passed, %d were shed", who, good, bad)
		}
	}
	if state := f.State(backend); state.Inside != 0 || state.Waiting != 0 {
		t.Errorf("after all have left: %+v", state)
	}
}

func TestUpdateForgets(t *testing.T) {
	t.Parallel()
	f := fair.New(testclock.NewFakeClock(time.Now()))
	kept, err := f.Enter(t.Context(), backend, "shop")
	if err != nil {
		t.Fatal(err)
	}
	f.Update(&gateway.Config{Backends: map[string]*gateway.Backend{backend: {}}})
	if inside := f.State(backend).Inside; inside != 1 {
		t.Errorf("%d are at a backend that stays, want 1", inside)
	}
	f.Update(&gateway.Config{})
	kept.Leave(exchange.Outcome{})
	if inside := f.State(backend).Inside; inside != 0 {
		t.Errorf("%d are at a backend that is gone", inside)
	}
}

func TestEnterAllocatesNothing(t *testing.T) {
	f := fair.New(clock.RealClock{})
	got := testing.AllocsPerRun(1000, func() {
		one, err := f.Enter(t.Context(), backend, "shop")
		if err != nil {
			t.Fatal(err)
		}
		one.Leave(exchange.Outcome{Latency: time.Millisecond})
	})
	if got != 0 {
		t.Errorf("%v allocations for a request that finds room", got)
	}
}

func BenchmarkEnter(b *testing.B) {
	f := fair.New(clock.RealClock{})
	b.ReportAllocs()
	for b.Loop() {
		one, err := f.Enter(b.Context(), backend, "shop")
		if err != nil {
			b.Fatal(err)
		}
		one.Leave(exchange.Outcome{Latency: time.Millisecond})
	}
}
