package limit_test

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func policy(requests int64, unit time.Duration, burst int64) *gateway.RateLimit {
	return &gateway.RateLimit{Name: "apis/standard", Requests: requests, Unit: unit, Burst: burst, Scope: gateway.PerTenant}
}

func config(policies ...*gateway.RateLimit) *gateway.Config {
	made := &gateway.Config{RateLimits: map[string]*gateway.RateLimit{}}
	for _, one := range policies {
		made.RateLimits[one.Name] = one
	}
	return made
}

func of(policy *gateway.RateLimit, tenant string, at time.Time) *exchange.LimitRequest {
	return &exchange.LimitRequest{Policy: policy, Identity: &gateway.Identity{Tenant: tenant, Client: "web"}, Now: at}
}

func within(t *testing.T, what string, got int64, want, share float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > share*want {
		t.Errorf("%s: %d passed, want %.0f within %.1f %%", what, got, want, 100*share)
	}
}

// TestRateIsExact asks at twenty times the rate, through routes that each
// have the policy from a Config of their own.
func TestRateIsExact(t *testing.T) {
	t.Parallel()
	for _, routes := range []int{1, 1000} {
		for _, requests := range []int64{7, 1000, 70_000} {
			t.Run(fmt.Sprintf("%d routes, %d per second", routes, requests), func(t *testing.T) {
				t.Parallel()
				policies := make([]*gateway.RateLimit, routes)
				for i := range policies {
					policies[i] = policy(requests, time.Second, 5)
				}
				limiter := limit.New(testclock.NewFakePassiveClock(begin))
				limiter.Update(config(policies[0]))
				pause := time.Second / time.Duration(requests*20)
				over := 400_000 * pause
				var passed, asked int64
				for at := begin; at.Before(begin.Add(over)); at = at.Add(pause) {
					if limiter.Take(t.Context(), of(policies[asked%int64(routes)], "shop", at)).Allowed {
						passed++
					}
					asked++
				}
				within(t, "one tenant", passed, float64(requests)*over.Seconds()+5, 0.01)
			})
		}
	}
}

func TestRateIsExactForMany(t *testing.T) {
	t.Parallel()
	clock := &racing{}
	limiter := limit.New(clock)
	standard := policy(1000, time.Second, 100)
	limiter.Update(config(standard))
	var passed [4]atomic.Int64
	var crowd sync.WaitGroup
	for range 8 {
		crowd.Go(func() {
			for {
				at := clock.step(20 * time.Microsecond)
				if at.Sub(begin) > 10*time.Second {
					return
				}
				tenant := at.Nanosecond() / 20_000 % 4
				if limiter.Take(context.Background(), of(standard, fmt.Sprint("tenant-", tenant), at)).Allowed {
					passed[tenant].Add(1)
				}
			}
		})
	}
	crowd.Wait()
	for i := range passed {
		within(t, fmt.Sprint("tenant ", i), passed[i].Load(), 1000*10+100, 0.01)
	}
}

// racing is a clock that each reader moves on.
type racing struct{ since atomic.Int64 }

func (c *racing) Now() time.Time                  { return begin.Add(time.Duration(c.since.Load())) }
func (c *racing) Since(t time.Time) time.Duration { return c.Now().Sub(t) }
func (c *racing) step(d time.Duration) time.Time {
	return begin.Add(time.Duration(c.since.Add(int64(d))))
}

func TestDecision(t *testing.T) {
	t.Parallel()
	limiter := limit.New(testclock.NewFakePassiveClock(begin))
	standard := policy(100, time.Minute, 0)
	limiter.Update(config(standard))
	for i := range int64(100) {
		d := limiter.Take(t.Context(), of(standard, "shop", begin))
		want := exchange.Decision{
			Allowed: true, Limit: 100, Window: time.Minute,
			Remaining: 99 - i, Reset: time.Duration(i+1) * 600 * time.Millisecond,
		}
		if d != want {
			t.Fatalf("request %d: %+v, want %+v", i, d, want)
		}
	}
	over := limiter.Take(t.Context(), of(standard, "shop", begin.Add(100*time.Millisecond)))
	want := exchange.Decision{Limit: 100, Window: time.Minute, Reset: time.Minute - 100*time.Millisecond, RetryAfter: 500 * time.Millisecond}
	if over != want {
		t.Errorf("the request over the rate: %+v, want %+v", over, want)
	}
	if !limiter.Take(t.Context(), of(standard, "bank", begin)).Allowed {
		t.Error("another tenant is refused for what this one did")
	}
	if !limiter.Take(t.Context(), of(standard, "shop", begin.Add(600*time.Millisecond))).Allowed {
		t.Error("refused after the time that Retry-After named")
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	person := func(tenant, unit, client, team string) *gateway.Identity {
		return &gateway.Identity{Tenant: tenant, BusinessUnit: unit, Client: client, Claims: map[string]any{"team": team}}
	}
	one, address := person("shop", "retail", "web", "a"), netip.MustParseAddr("192.0.2.1")
	for name, test := range map[string]struct {
		scope  gateway.LimitScope
		first  *gateway.Identity
		second *gateway.Identity
		from   netip.Addr
		shared bool
		reason string
	}{
		"tenants apart":     {gateway.PerTenant, one, person("bank", "retail", "web", "a"), address, false, "each tenant has a budget"},
		"tenant's clients":  {gateway.PerTenant, one, person("shop", "retail", "job", "b"), address, true, "clients of a tenant share"},
		"clients apart":     {gateway.PerClient, one, person("shop", "retail", "job", "a"), address, false, "each client has a budget"},
		"clients' tenants":  {gateway.PerClient, one, person("bank", "retail", "web", "a"), address, false, "clients of the same name belong to different tenants"},
		"claims apart":      {gateway.PerClaim, one, person("shop", "retail", "web", "b"), address, false, "each value has a budget"},
		"claims together":   {gateway.PerClaim, one, person("bank", "money", "job", "a"), address, true, "the claim alone counts"},
		"units apart":       {gateway.PerUnit, one, person("shop", "money", "web", "a"), address, false, "each business unit has a budget"},
		"units together":    {gateway.PerUnit, one, person("bank", "retail", "job", "b"), address, true, "tenants of a unit share"},
		"all":               {gateway.PerRoute, one, person("bank", "money", "job", "b"), address, true, "one budget of all"},
		"all with nobody":   {gateway.PerRoute, one, nil, address, true, "one budget of all"},
		"nobody apart":      {gateway.PerTenant, nil, nil, netip.MustParseAddr("192.0.2.2"), false, "addresses tell nobodies apart"},
		"nobody again":      {gateway.PerTenant, nil, nil, netip.MustParseAddr("::ffff:192.0.2.1"), true, "it is the same address"},
		"tenantless":        {gateway.PerTenant, person("", "", "x", ""), person("", "", "y", ""), address, true, "callers without a tenant share"},
		"override":          {gateway.PerUnit, one, person("vip", "retail", "web", "a"), address, false, "a tenant with numbers of its own has a budget of its own"},
		"nobody and tenant": {gateway.PerTenant, nil, person("", "", "x", ""), address, false, "somebody is not nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			single := policy(1, time.Hour, 1)
			single.Scope, single.Claim, single.Overrides = test.scope, "team", map[string]int64{"vip": 1}
			limiter := limit.New(testclock.NewFakePassiveClock(begin))
			limiter.Update(config(single))
			limiter.Take(t.Context(), &exchange.LimitRequest{Policy: single, Identity: test.first, Remote: address, Now: begin})
			second := limiter.Take(t.Context(), &exchange.LimitRequest{Policy: single, Identity: test.second, Remote: test.from, Now: begin})
			if second.Allowed == test.shared {
				t.Errorf("the second request passes: %v, because %s", second.Allowed, test.reason)
			}
		})
	}
}

func TestNobodyHasANetwork(t *testing.T) {
	t.Parallel()
	limiter := limit.New(testclock.NewFakePassiveClock(begin))
	single := policy(1, time.Hour, 1)
	take := func(from string) bool {
		return limiter.Take(t.Context(), &exchange.LimitRequest{Policy: single, Remote: netip.MustParseAddr(from), Now: begin}).Allowed
	}
	if !take("2001:db8:1:2::1") || take("2001:db8:1:2:3::4%eth0") || !take("2001:db8:1:3::1") {
		t.Error("callers of IPv6 must be told apart by their network of 64 bits")
	}
}

func TestChangedRateKeepsWhatIsSpent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		to     *gateway.RateLimit
		want   int64
		reason string
	}{
		"same":     {policy(100, time.Minute, 0), 39, "nothing changed"},
		"doubled":  {policy(200, time.Minute, 0), 79, "60 % of the new budget are spent"},
		"tenth":    {policy(10, time.Minute, 0), 3, "60 % of the new budget are spent"},
		"per hour": {policy(100, time.Hour, 0), 39, "60 % of the new budget are spent"},
		"override": {func() *gateway.RateLimit {
			made := policy(100, time.Minute, 0)
			made.Overrides = map[string]int64{"shop": 1000}
			return made
		}(), 399, "the tenant now has numbers of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := testclock.NewFakePassiveClock(begin)
			limiter := limit.New(clock)
			standard := policy(100, time.Minute, 0)
			limiter.Update(config(standard))
			for range 60 {
				limiter.Take(t.Context(), of(standard, "shop", begin))
			}
			limiter.Update(config(test.to))
			if got := limiter.Take(t.Context(), of(test.to, "shop", begin)).Remaining; got != test.want {
				t.Errorf("%d remain, want %d: %s", got, test.want, test.reason)
			}
		})
	}
}

func TestPolicyThatIsGone(t *testing.T) {
	t.Parallel()
	limiter := limit.New(testclock.NewFakePassiveClock(begin))
	standard := policy(1, time.Hour, 1)
	limiter.Update(config(standard))
	limiter.Take(t.Context(), of(standard, "shop", begin))
	limiter.Update(config())
	if got := limiter.Cells(); got != 0 {
		t.Errorf("%d cells are left of a policy that is gone", got)
	}
	if !limiter.Take(t.Context(), of(standard, "shop", begin)).Allowed {
		t.Error("a request of the old Config is refused for what was forgotten")
	}
	if limiter.Take(t.Context(), of(standard, "shop", begin)).Allowed {
		t.Error("a policy of an old Config is not enforced")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	limiter := limit.New(testclock.NewFakePassiveClock(begin), limit.WithCells(1000))
	standard := policy(10, time.Second, 10)
	limiter.Update(config(standard))
	at := begin
	for i := range 100_000 {
		at = at.Add(time.Millisecond)
		if !limiter.Take(t.Context(), of(standard, fmt.Sprint("tenant-", i), at)).Allowed {
			t.Fatalf("caller %d is refused its first request", i)
		}
		if cells := limiter.Cells(); cells > 1000 {
			t.Fatalf("%d cells after %d callers", cells, i)
		}
	}
}

func TestCallersBeyondTheBoundShare(t *testing.T) {
	t.Parallel()
	limiter := limit.New(testclock.NewFakePassiveClock(begin), limit.WithCells(64))
	standard := policy(10, time.Hour, 10)
	limiter.Update(config(standard))
	passed := 0
	for i := range 10_000 {
		if limiter.Take(t.Context(), of(standard, fmt.Sprint("tenant-", i), begin)).Allowed {
			passed++
		}
	}
	if passed > 64+10 {
		t.Errorf("%d first requests of 10000 callers passed where there is room for 64 and a budget of 10", passed)
	}
	if cells := limiter.Cells(); cells > 64 {
		t.Errorf("%d cells where there is room for 64", cells)
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	limiter := limit.New(testclock.NewFakePassiveClock(begin))
	standard := policy(1000, time.Second, 0)
	standard.Scope, standard.Claim = gateway.PerClaim, "kubernetes.io.namespace"
	limiter.Update(config(standard))
	request := of(standard, "shop", begin)
	request.Identity.Claims = map[string]any{"kubernetes.io": map[string]any{"namespace": "shop"}}
	if got := testing.AllocsPerRun(100, func() { limiter.Take(t.Context(), request) }); got != 0 {
		t.Errorf("%v allocations for a request", got)
	}
}

func BenchmarkTake(b *testing.B) {
	limiter := limit.New(testclock.NewFakePassiveClock(begin))
	standard := policy(1000, time.Second, 0)
	limiter.Update(config(standard))
	request := of(standard, "shop", begin)
	b.ReportAllocs()
	for b.Loop() {
		limiter.Take(b.Context(), request)
	}
}
