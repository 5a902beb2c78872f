package limit_test

import (
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/adapter/redis"
	"github.com/roadbed-dev/roadbed/internal/adapter/redis/redistest"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
)

var _ limit.Store = (*redis.Limits)(nil)

func TestProcessesShareThroughRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	limits, err := redis.Open(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = limits.Close() })
	hourly := policy(50, time.Hour, 0)
	hourly.Failure = gateway.FailClosed
	passed := 0
	var last *limit.Limiter
	for range 3 {
		last = process(t, clock.RealClock{}, limits, 3, hourly)
		for range 40 {
			if last.Take(t.Context(), of(hourly, "shop", time.Now())).Allowed {
				passed++
			}
		}
	}
	if passed != 50 {
		t.Errorf("%d requests passed three processes, want the 50 of the budget", passed)
	}
	server.Stop()
	if d := last.Take(t.Context(), of(hourly, "bank", time.Now())); d.Allowed || !d.Unavailable {
		t.Errorf("without its Redis a policy that fails closed says %+v", d)
	}
}
