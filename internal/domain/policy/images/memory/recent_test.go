package memory

import (
	"strconv"
	"sync"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// TestRecent remembers for its time, and no more than so many.
func TestRecent(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(start)
	r := NewRecent(clock, 10*time.Second, 3)
	r.Add("a")
	r.Add("b")
	r.Forget("b")
	clock.SetTime(start.Add(9 * time.Second))
	if !r.Has("a") || r.Has("b") || r.Has("c") {
		t.Error("a is remembered, and nothing else")
	}
	clock.SetTime(start.Add(10 * time.Second))
	if r.Has("a") {
		t.Error("a is remembered after its time")
	}
	for i := range 10 {
		r.Add(strconv.Itoa(i))
	}
	if len(r.until) != 3 || !r.Has("9") {
		t.Errorf("%d things are remembered, want 3 with the last", len(r.until))
	}
}

// TestRecentAtOnce lets many remember, ask and forget. The race detector watches.
func TestRecentAtOnce(t *testing.T) {
	t.Parallel()
	r := NewRecent(clocktesting.NewFakePassiveClock(start), time.Second, 5)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 100 {
				key := strconv.Itoa((worker + i) % 10)
				r.Add(key)
				r.Has(key)
				r.Forget(key)
			}
		})
	}
	all.Wait()
}
