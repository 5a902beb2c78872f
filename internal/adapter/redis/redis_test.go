package redis_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/adapter/redis"
	"github.com/roadbed-dev/roadbed/internal/adapter/redis/redistest"
)

func open(t *testing.T, url string) *redis.Limits {
	t.Helper()
	limits, err := redis.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = limits.Close() })
	return limits
}

func TestTake(t *testing.T) {
	t.Parallel()
	limits := open(t, redistest.Start(t).URL)
	take := func(key string, want int64) (int64, time.Duration) {
		granted, ahead, err := limits.Take(t.Context(), key, time.Hour, 10*time.Hour, want)
		if err != nil {
			t.Fatal(err)
		}
		return granted, ahead.Round(time.Minute)
	}
	for i, step := range []struct {
		key           string
		want, granted int64
		ahead         time.Duration
		reason        string
	}{
		{"a", 3, 3, 3 * time.Hour, "there is enough"},
		{"a", 5, 5, 8 * time.Hour, "what was taken before counts"},
		{"a", 5, 2, 10 * time.Hour, "no more than the budget"},
		{"a", 1, 0, 10 * time.Hour, "nothing is left"},
		{"b\nc", 1, 1, time.Hour, "another budget"},
	} {
		if granted, ahead := take(step.key, step.want); granted != step.granted || ahead != step.ahead {
			t.Errorf("step %d: %d granted, %v ahead, want %d, %v: %s", i, granted, ahead, step.granted, step.ahead, step.reason)
		}
	}
}

// TestRateIsExact has processes ask for slices as fast as they can.
func TestRateIsExact(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	const rate, burst, over = 5000, 50, 2 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), over)
	defer cancel()
	var total atomic.Int64
	var crowd sync.WaitGroup
	start := time.Now()
	for range 3 {
		limits := open(t, server.URL)
		crowd.Go(func() {
			for ctx.Err() == nil {
				granted, _, err := limits.Take(context.Background(), "a", time.Second/rate, burst*time.Second/rate, 7)
				if err != nil {
					t.Error(err)
					return
				}
				total.Add(granted)
			}
		})
	}
	crowd.Wait()
	most := rate*time.Since(start).Seconds() + burst
	if got := float64(total.Load()); got > most*1.001 {
		t.Errorf("%.0f granted, want at most %.0f", got, most)
	}
}

// TestJoin counts who is there, and forgets who has gone.
func TestJoin(t *testing.T) {
	t.Parallel()
	limits := open(t, redistest.Start(t).URL)
	for i, step := range []struct {
		process string
		want    int
	}{{"a", 1}, {"b", 2}, {"a", 2}} {
		if count, err := limits.Join(t.Context(), step.process, time.Minute); err != nil || count != step.want {
			t.Errorf("step %d: %d processes, %v, want %d", i, count, err, step.want)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for count := 0; count != 1; {
		var err error
		if count, err = limits.Join(t.Context(), "c", time.Millisecond); err != nil || time.Now().After(deadline) {
			t.Fatalf("%d processes, %v, want the last alone", count, err)
		}
	}
}

func TestRedisIsGone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	limits := open(t, server.URL)
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, _, err := limits.Take(ctx, "a", time.Second, time.Minute, 1); err == nil || ctx.Err() != nil {
		t.Errorf("a Redis that is gone answers: %v, context: %v", err, ctx.Err())
	}
}

func TestOpenKeepsThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://me:secret@host", "redis://me:secret@host:port", "redis://me:secret@host/x", "\nsecret"} {
		if _, err := redis.Open(url); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("opening %q: %v, want an error that does not tell the password", url, err)
		}
	}
}
