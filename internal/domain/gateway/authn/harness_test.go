package authn_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

const audience = authntest.Audience

// policyOf takes the issuer's tokens.
func policyOf(i *authntest.Issuer) *gateway.Authorization {
	return &gateway.Authorization{
		Name: "apis/callers", RequireTenant: true,
		Issuers: []gateway.Issuer{{URL: i.URL, Audiences: []string{"other", audience}, CABundle: i.Authority(), TenantClaim: "kubernetes.io.namespace"}},
	}
}

func configOf(policies ...*gateway.Authorization) *gateway.Config {
	made := &gateway.Config{
		Authorizations: map[string]*gateway.Authorization{},
		Tenants: map[string]gateway.Tenant{
			"shop": {Name: "shop", BusinessUnit: "retail"}, "bank": {Name: "bank", BusinessUnit: "money"},
		},
	}
	for _, one := range policies {
		made.Authorizations[one.Name] = one
	}
	return made
}

// start makes an Authorizer that ends with the test.
func start(t testing.TB, clock clock.Clock, config *gateway.Config, cluster authn.Cluster) *authn.Authorizer {
	t.Helper()
	made := authn.New(context.Background(), clock, slog.New(slog.DiscardHandler), cluster)
	t.Cleanup(made.Close)
	made.Update(config)
	return made
}

func request(config *gateway.Config, header ...http1.Field) *exchange.Exchange {
	return &exchange.Exchange{Config: config, Request: &http1.Request{Method: http.MethodGet, Header: header}}
}

func bearer(token string) http1.Field {
	return http1.Field{Name: "Authorization", Value: "Bearer " + token}
}

// ask authorizes a request by all policies of its Config.
func ask(t testing.TB, a *authn.Authorizer, x *exchange.Exchange) (*gateway.Identity, *exchange.Refusal) {
	t.Helper()
	var policies []*gateway.Authorization
	for _, one := range x.Config.Authorizations {
		policies = append(policies, one)
	}
	return a.Authorize(t.Context(), x, policies)
}
