package dataplane

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// TestRates sends three times what is allowed for ten minutes of the test's clock: what
// passes is within 1 % of the rate, whether one route names the policy or a thousand
// share it, for each of two tenants.
func TestRates(t *testing.T) {
	t.Parallel()
	for _, routes := range []int{1, 1000} {
		t.Run(strconv.Itoa(routes), func(t *testing.T) {
			t.Parallel()
			const perMinute, minutes, times = 600, 10, 3
			clock := testclock.NewFakeClock(time.Unix(1_000_000, 0))
			p := open(t, limited(routes, perMinute), options{clock: clock})
			handler := p.proxy.Handler(socket)
			passed := map[string]int{}
			for i := range perMinute * minutes * times {
				clock.Step(time.Minute / (perMinute * times))
				for _, tenant := range []string{"shop", "bank"} {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("/r%d", i%routes), http.NoBody)
					r.Header.Set("X-Api-Key", "key of "+tenant)
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, r)
					switch {
					case w.Code == http.StatusFound:
						passed[tenant]++
					case w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || w.Header().Get("RateLimit") == "":
						t.Fatalf("%d %v", w.Code, w.Header())
					}
				}
			}
			for tenant, n := range passed {
				if off := math.Abs(float64(n)/(perMinute*minutes) - 1); off > 0.01 {
					t.Errorf("%s: %d passed in %d minutes of %d a minute: %.2f %% off", tenant, n, minutes, perMinute, off*100)
				}
			}
		})
	}
}

// limited has routes that share a policy. They redirect, so that no backend is needed.
func limited(routes int, perMinute int64) *gateway.Config {
	c := config(nil)
	c.Tenants["bank"] = gateway.Tenant{Name: "bank"}
	c.Authorizations["apis/keys"] = &gateway.Authorization{Name: "apis/keys", APIKeys: true, RequireTenant: true}
	c.RateLimits["apis/limit"] = &gateway.RateLimit{
		Name: "apis/limit", Requests: perMinute, Unit: time.Minute, Burst: 10, Scope: gateway.PerTenant,
	}
	c.Keys = map[string]gateway.Client{}
	for tenant := range c.Tenants {
		hash := sha256.Sum256([]byte("key of " + tenant))
		c.Keys[hex.EncodeToString(hash[:])] = gateway.Client{ID: tenant + "/subscription", Tenant: tenant}
	}
	c.Listeners[0].Routes = nil
	for i := range routes {
		r := rule(fmt.Sprintf("/r%d", i), "")
		r.Filters = gateway.Filters{
			Authorization: []string{"apis/keys"}, RateLimits: []string{"apis/limit"}, Redirect: &gateway.Redirect{Hostname: "elsewhere"},
		}
		c.Listeners[0].Routes = append(c.Listeners[0].Routes, &gateway.Route{
			Kind: gateway.HTTPRoute, Namespace: "apis", Name: fmt.Sprint("route-", i), Rules: []gateway.Rule{r},
		})
	}
	return c
}
