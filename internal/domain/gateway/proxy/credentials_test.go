package proxy_test

import (
	"net/http"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// TestTokenGoesNoFurther: a backend gets the token that the gateway has verified only
// where the policy says that it checks it itself, and every other one as it came.
func TestTokenGoesNoFurther(t *testing.T) {
	t.Parallel()
	takes := []gateway.Issuer{{URL: "https://issuer.example", Audiences: []string{"platform-api"}}}
	for name, test := range map[string]struct {
		reason   string
		policies []gateway.Authorization
		sent     string
		want     string
	}{
		"Dropped":    {"whoever has it is the caller at the platform's other APIs", []gateway.Authorization{{Issuers: takes}}, "Bearer secret", ""},
		"AnyCase":    {"schemes are compared without case", []gateway.Authorization{{Issuers: takes}}, "bEARER secret", ""},
		"Passed":     {"the policy says so", []gateway.Authorization{{Issuers: takes, PassToken: true}}, "Bearer secret", "Bearer secret"},
		"OneDrops":   {"all policies must let it pass", []gateway.Authorization{{Issuers: takes, PassToken: true}, {Issuers: takes}}, "Bearer secret", ""},
		"KeysOnly":   {"the policy has not looked at it", []gateway.Authorization{{APIKeys: true}}, "Bearer secret", "Bearer secret"},
		"Basic":      {"it is between the caller and the backend", []gateway.Authorization{{Issuers: takes, APIKeys: true}}, "Basic eDp5", "Basic eDp5"},
		"Unguarded":  {"the route asks for nothing", nil, "Bearer secret", "Bearer secret"},
		"BearerOnly": {"a scheme that only begins so is another", []gateway.Authorization{{Issuers: takes, APIKeys: true}}, "Bearers secret", "Bearers secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rule(prefix("/"), "b")
			c := config([]*gateway.Backend{backendAt("b", echo(t, "b"))}, route(r))
			c.Authorizations = map[string]*gateway.Authorization{}
			for i := range test.policies {
				policy := &test.policies[i]
				policy.Name = "default/" + string(rune('a'+i))
				c.Authorizations[policy.Name] = policy
				r.Filters.Authorization = append(r.Filters.Authorization, policy.Name)
			}
			c.Listeners[0].Routes[0].Rules[0] = r
			guarded := &guard{identity: &gateway.Identity{Kind: gateway.Workload, Subject: "system:serviceaccount:shop:web", Tenant: "shop"}}
			guarded.decision.Allowed = true
			got, _ := open(t, c, guarded.options()...).ask(t, http.MethodGet, "/", "", "Authorization: "+test.sent)
			if token := got.Header.Get("Got-Authorization"); got.StatusCode != http.StatusOK || token != test.want {
				t.Errorf("%s: %d, the backend got %q, want %q", test.reason, got.StatusCode, token, test.want)
			}
		})
	}
}
