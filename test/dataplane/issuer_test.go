package dataplane

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
)

// tokenOf is a good one.
func tokenOf(t testing.TB, from *authntest.Issuer, s authntest.Signer) string {
	t.Helper()
	return s.Sign(t, authntest.Claims(from.URL, time.Now(), nil))
}

// guarded is a Config whose only route takes the issuer's tokens.
func guarded(from *authntest.Issuer, behind *httptest.Server) *gateway.Config {
	open := rule("/", "apis/echo:80")
	open.Filters.Authorization = []string{"apis/callers"}
	c := config([]*gateway.Backend{backend("apis/echo:80", behind)}, open)
	c.Authorizations["apis/callers"] = &gateway.Authorization{
		Name: "apis/callers", RequireTenant: true,
		Issuers: []gateway.Issuer{{URL: from.URL, Audiences: []string{authntest.Audience}, CABundle: from.Authority(), TenantClaim: "kubernetes.io.namespace"}},
	}
	return c
}
