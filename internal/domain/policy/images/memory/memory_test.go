package memory

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var errOver = errors.New("no answer in time")

func over(err error) error { return errors.Join(errOver, err) }

// TestGetAtOnce lets many ask for a few keys while answers expire and are pushed
// out: everybody gets the answer to what was asked. The race detector watches.
func TestGetAtOnce(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(start)
	m := New[int](clock, 10, over)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				want := (worker + i) % 20
				got, err := m.Get(t.Context(), strconv.Itoa(want), func(context.Context) (int, time.Duration, error) {
					return want, time.Duration(want) * time.Second, nil
				})
				if err != nil || got != want {
					t.Errorf("got %d, %v, want %d", got, err, want)
				}
				if i%50 == 0 {
					clock.SetTime(clock.Now().Add(5 * time.Second))
				}
			}
		})
	}
	all.Wait()
	if len(m.kept) > 10 {
		t.Errorf("%d answers are kept, want at most 10", len(m.kept))
	}
}

// TestGetWaitsForOneAnswer lets one search serve all who ask meanwhile, and end
// for those alone who have no more time.
func TestGetWaitsForOneAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New[string](clocktesting.NewFakePassiveClock(start), 10, over)
		var searches atomic.Int32
		found := make(chan struct{})
		ask := func(ctx context.Context) (string, error) {
			return m.Get(ctx, "key", func(context.Context) (string, time.Duration, error) {
				searches.Add(1)
				<-found
				return "answer", time.Minute, nil
			})
		}
		hasty, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := ask(hasty); !errors.Is(err, errOver) || !errors.Is(err, context.Canceled) {
				t.Errorf("who has no more time gets %v, want errOver and why", err)
			}
		})
		synctest.Wait()
		for range 5 {
			all.Go(func() {
				if got, err := ask(t.Context()); err != nil || got != "answer" {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(found)
		all.Wait()
		if got, err := ask(t.Context()); err != nil || got != "answer" || searches.Load() != 1 {
			t.Errorf("got %q, %v after %d searches, want one", got, err, searches.Load())
		}
	})
}

// TestGetForgets what has expired, and what is not to be kept.
func TestGetForgets(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(start)
	m := New[int](clock, 10, over)
	searches := 0
	ask := func(key string, life time.Duration) int {
		got, err := m.Get(t.Context(), key, func(context.Context) (int, time.Duration, error) {
			searches++
			return searches, life, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, step := range []struct {
		reason, key string
		life, after time.Duration
		want        int
	}{
		{"nothing is kept", "a", time.Minute, 0, 1},
		{"it is kept", "a", time.Minute, 59 * time.Second, 1},
		{"it has expired", "a", time.Minute, time.Second, 2},
		{"another key", "b", 0, 0, 3},
		{"it is not to be kept", "b", 0, 0, 4},
	} {
		clock.SetTime(clock.Now().Add(step.after))
		if got := ask(step.key, step.life); got != step.want {
			t.Errorf("%s: got answer %d, want %d", step.reason, got, step.want)
		}
	}
}

// TestGetSurvivesAPanic: an image that makes a library panic is an error for who asked
// about it.
func TestGetSurvivesAPanic(t *testing.T) {
	t.Parallel()
	m := New[int](clocktesting.NewFakePassiveClock(start), 10, over)
	for _, panics := range []bool{true, false} {
		got, err := m.Get(t.Context(), "key", func(context.Context) (int, time.Duration, error) {
			if panics {
				panic("index out of range")
			}
			return 1, time.Minute, nil
		})
		if panics != (err != nil && strings.Contains(err.Error(), "index out of range")) || !panics && got != 1 {
			t.Errorf("panics %t: got %d, %v", panics, got, err)
		}
	}
}
