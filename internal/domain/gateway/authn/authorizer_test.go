package authn_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// check asks and compares the reason; empty means that the request passes.
func check(t *testing.T, a *authn.Authorizer, x *exchange.Exchange, want string, status int) *gateway.Identity {
	t.Helper()
	who, refusal := ask(t, a, x)
	switch {
	case want == "" && refusal != nil:
		t.Errorf("refused: %+v", refusal)
	case want != "" && (refusal == nil || refusal.Reason != want || refusal.Status != status):
		t.Errorf("%+v, %+v: want %d for %s", who, refusal, status, want)
	case status == http.StatusUnauthorized && refusal.Challenge == "":
		t.Error("401 without a challenge")
	}
	return who
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	config := configOf(&gateway.Authorization{Name: "a/b", APIKeys: true, RequireTenant: true})
	config.Keys = map[string]gateway.Client{
		hash("good"):    {ID: "shop/web", Tenant: "shop", BusinessUnit: "retail"},
		hash("narrow"):  {ID: "shop/job", Tenant: "shop", APIs: []string{"databases"}},
		hash("expired"): {ID: "shop/old", Tenant: "shop", Expires: time.Now().Add(-time.Minute)},
		hash("nobody"):  {ID: "x/y"},
		"no hash":       {ID: "shop/bad", Tenant: "shop"},
	}
	a := start(t, clock.RealClock{}, config, nil)
	for name, test := range map[string]struct {
		keys   []string
		api    string
		want   string
		status int
	}{
		"good":         {[]string{"good"}, "", "", 0},
		"its API":      {[]string{"narrow"}, "databases", "", 0},
		"other API":    {[]string{"narrow"}, "buckets", authn.ReasonAPI, 403},
		"no API":       {[]string{"narrow"}, "", authn.ReasonAPI, 403},
		"expired":      {[]string{"expired"}, "", authn.ReasonAPIKey, 401},
		"unknown":      {[]string{"guess"}, "", authn.ReasonAPIKey, 401},
		"empty":        {[]string{""}, "", authn.ReasonAPIKey, 401},
		"too long":     {[]string{strings.Repeat("x", 4096)}, "", authn.ReasonAPIKey, 401},
		"the hash":     {[]string{hash("good")}, "", authn.ReasonAPIKey, 401},
		"twice":        {[]string{"good", "good"}, "", authn.ReasonSeveral, 401},
		"none":         {nil, "", authn.ReasonNoCredential, 401},
		"of no tenant": {[]string{"nobody"}, "", authn.ReasonNoTenant, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := request(config)
			for _, one := range test.keys {
				x.Request.Header.Add("X-API-Key", one)
			}
			if test.api != "" {
				x.Lifecycle = &gateway.Lifecycle{API: test.api}
			}
			who := check(t, a, x, test.want, test.status)
			if test.want == "" && (who.Kind != gateway.APIKey || who.Tenant != "shop" || who.Namespace != "shop" || who.Client == "") {
				t.Errorf("the key is that of %+v", who)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	config := configOf(&gateway.Authorization{Name: "a/b", ClientCertificates: true, RequireTenant: true})
	a := start(t, clock.RealClock{}, config, nil)
	for name, test := range map[string]struct {
		uri, dns string
		ended    bool
		want     string
		status   int
	}{
		"workload":       {uri: "spiffe://cluster.local/ns/shop/sa/web"},
		"of no tenant":   {uri: "spiffe://cluster.local/ns/kube-system/sa/web", want: authn.ReasonNoTenant, status: 403},
		"more path":      {uri: "spiffe://cluster.local/ns/shop/sa/web/x", want: authn.ReasonNoTenant, status: 403},
		"other scheme":   {uri: "https://cluster.local/ns/shop/sa/web", want: authn.ReasonNoTenant, status: 403},
		"name of a host": {dns: "web.shop", want: authn.ReasonNoTenant, status: 403},
		"nobody":         {want: authn.ReasonCertificate, status: 401},
		"ended":          {uri: "spiffe://cluster.local/ns/shop/sa/web", ended: true, want: authn.ReasonCertificate, status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leaf := &x509.Certificate{NotAfter: time.Now().Add(time.Hour)}
			if test.ended {
				leaf.NotAfter = time.Now().Add(-time.Hour)
			}
			if test.uri != "" {
				parsed, err := url.Parse(test.uri)
				if err != nil {
					t.Fatal(err)
				}
				leaf.URIs = []*url.URL{parsed}
			}
			if test.dns != "" {
				leaf.DNSNames = []string{test.dns}
			}
			x := request(config)
			x.Request.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}
			for range 2 {
				if who := check(t, a, x, test.want, test.status); test.want == "" && (who.Tenant != "shop" || who.Kind != gateway.Certificate) {
					t.Errorf("the certificate is that of %+v", who)
				}
			}
			x.Request.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
			check(t, a, x, authn.ReasonNoCredential, 401) // nobody vouches for it
		})
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	text := map[string]any{
		"scope": "read write", "roles": []string{"admin", "dev"}, "level": 3, "mfa": true,
		"kubernetes.io": map[string]any{"namespace": "shop"},
	}
	claim := func(path string, values ...string) []gateway.AuthorizationRule {
		return []gateway.AuthorizationRule{{Claims: []gateway.ClaimMatch{{Path: path, Values: values}}}}
	}
	for name, test := range map[string]struct {
		rules []gateway.AuthorizationRule
		passs bool
	}{
		"none":            {nil, true},
		"tenant":          {[]gateway.AuthorizationRule{{Tenants: []string{"bank", "shop"}}}, true},
		"other tenant":    {[]gateway.AuthorizationRule{{Tenants: []string{"bank"}}}, false},
		"method":          {[]gateway.AuthorizationRule{{Methods: []string{"GET"}}}, true},
		"other method":    {[]gateway.AuthorizationRule{{Methods: []string{"POST"}}}, false},
		"one of two":      {[]gateway.AuthorizationRule{{Methods: []string{"POST"}}, {Tenants: []string{"shop"}}}, true},
		"half of one":     {[]gateway.AuthorizationRule{{Methods: []string{"GET"}, Tenants: []string{"bank"}}}, false},
		"nested claim":    {claim("kubernetes.io.namespace", "shop"), true},
		"list":            {claim("roles", "x", "dev"), true},
		"scope":           {claim("scope", "write"), true},
		"part of a scope": {claim("scope", "wri"), false},
		"number":          {claim("level", "3"), true},
		"truth":           {claim("mfa", "true"), true},
		"object":          {claim("kubernetes.io", ""), false},
		"missing":         {claim("nothing", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configOf(&gateway.Authorization{
				Name: "a/b", Rules: test.rules,
				Issuers: []gateway.Issuer{{URL: "https://issuer.example", Inline: authntest.Set(t, good), Audiences: []string{audience}, TenantClaim: "kubernetes.io.namespace"}},
			})
			a := start(t, clock.RealClock{}, config, nil)
			want, status := authn.ReasonRules, http.StatusForbidden
			if test.passs {
				want, status = "", 0
			}
			check(t, a, request(config, bearer(good.Sign(t, authntest.Claims("https://issuer.example", time.Now(), text)))), want, status)
		})
	}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	config := configOf(&gateway.Authorization{Name: "a/b", RequireTenant: true, Issuers: []gateway.Issuer{{
		URL: "https://issuer.example", Inline: authntest.Set(t, good), Audiences: []string{audience}, TenantClaim: "org.tenant", Groups: "groups", GroupsPrefix: "corp:",
	}}})
	a := start(t, clock.RealClock{}, config, nil)
	claims := authntest.Claims("https://issuer.example", time.Now(), map[string]any{
		"sub": "ada", "azp": "portal", "groups": []string{"dev", "ops"}, "org": map[string]any{"tenant": "bank"},
	})
	who := check(t, a, request(config, bearer(good.Sign(t, claims))), "", 0)
	if who == nil || who.Kind != gateway.Person || who.Tenant != "bank" || who.BusinessUnit != "money" || who.Client != "portal" || strings.Join(who.Groups, " ") != "corp:dev corp:ops" || who.Namespace != "" {
		t.Errorf("the token is that of %+v", who)
	}
	claims["org"] = map[string]any{"tenant": "unheard-of"}
	check(t, a, request(config, bearer(good.Sign(t, claims))), authn.ReasonNoTenant, 403)
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	tokens := &gateway.Authorization{Name: "a/tokens", Issuers: []gateway.Issuer{{URL: "https://issuer.example", Inline: authntest.Set(t, good), Audiences: []string{audience}, TenantClaim: "kubernetes.io.namespace"}}}
	keys := &gateway.Authorization{Name: "a/keys", APIKeys: true}
	open := &gateway.Authorization{Name: "a/open", Anonymous: true, Issuers: tokens.Issuers}
	reading := &gateway.Authorization{Name: "a/reading", Anonymous: true, Issuers: tokens.Issuers, Rules: []gateway.AuthorizationRule{{Methods: []string{"GET"}}, {Tenants: []string{"shop"}}}}
	config := configOf(tokens, keys, open, reading)
	config.Keys = map[string]gateway.Client{hash("shop"): {ID: "shop/a", Tenant: "shop"}, hash("bank"): {ID: "bank/a", Tenant: "bank"}}
	a := start(t, clock.RealClock{}, config, nil)
	token := bearer(good.Sign(t, authntest.Claims("https://issuer.example", time.Now(), nil)))
	key := func(of string) http1.Field { return http1.Field{Name: "x-api-key", Value: of} }
	for name, test := range map[string]struct {
		policies []*gateway.Authorization
		method   string
		header   http1.Header
		want     string
		status   int
		nobody   bool
	}{
		"both":               {[]*gateway.Authorization{tokens, keys}, "GET", http1.Header{token, key("shop")}, "", 0, false},
		"one is missing":     {[]*gateway.Authorization{tokens, keys}, "GET", http1.Header{token}, authn.ReasonNoCredential, 401, false},
		"different tenants":  {[]*gateway.Authorization{tokens, keys}, "GET", http1.Header{token, key("bank")}, authn.ReasonTenants, 403, false},
		"two tokens":         {[]*gateway.Authorization{tokens}, "GET", http1.Header{token, token}, authn.ReasonSeveral, 401, false},
		"basic":              {[]*gateway.Authorization{tokens}, "GET", http1.Header{{Name: "Authorization", Value: "Basic eDp5"}}, authn.ReasonNoCredential, 401, false},
		"key where tokens":   {[]*gateway.Authorization{tokens}, "GET", http1.Header{key("shop")}, authn.ReasonNoCredential, 401, false},
		"nobody":             {[]*gateway.Authorization{open}, "GET", nil, "", 0, true},
		"bad where nobody":   {[]*gateway.Authorization{open}, "GET", http1.Header{bearer("x")}, authn.ReasonMalformed, 401, false},
		"nobody reads":       {[]*gateway.Authorization{reading}, "GET", nil, "", 0, true},
		"nobody writes":      {[]*gateway.Authorization{reading}, "POST", nil, authn.ReasonNoCredential, 401, false},
		"tenant writes":      {[]*gateway.Authorization{reading}, "POST", http1.Header{token}, "", 0, false},
		"unknown policy":     {[]*gateway.Authorization{{Name: "a/tokens"}}, "GET", http1.Header{token}, authn.ReasonPolicy, 503, false},
		"scheme in any case": {[]*gateway.Authorization{tokens}, "GET", http1.Header{{Name: "AUTHORIZATION", Value: "bEARER" + token.Value[6:]}}, "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := request(config, test.header...)
			x.Request.Method = test.method
			who, refusal := a.Authorize(t.Context(), x, test.policies)
			switch {
			case test.want != "" && (refusal == nil || refusal.Reason != test.want || refusal.Status != test.status):
				t.Errorf("%+v, want %d for %s", refusal, test.status, test.want)
			case test.want == "" && (refusal != nil || (who == nil) != test.nobody):
				t.Errorf("%+v, %+v", who, refusal)
			}
		})
	}
}

func TestTenantsChange(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	policy := &gateway.Authorization{Name: "a/b", RequireTenant: true, Issuers: []gateway.Issuer{{Cluster: true, Audiences: []string{audience}}}}
	first, second := configOf(policy), configOf(policy)
	second.Tenants = map[string]gateway.Tenant{"shop": {Name: "new-owner"}}
	third := configOf(policy)
	third.Tenants = nil
	a := start(t, clock.RealClock{}, first, &ownCluster{set: authntest.Set(t, good)})
	token := bearer(good.Sign(t, authntest.Claims("https://kubernetes.default.svc", time.Now(), nil)))
	if who := check(t, a, request(first, token), "", 0); who.Tenant != "shop" {
		t.Errorf("at first: %+v", who)
	}
	a.Update(second)
	if who := check(t, a, request(second, token), "", 0); who.Tenant != "new-owner" {
		t.Errorf("after the change: %+v", who)
	}
	if who := check(t, a, request(first, token), "", 0); who.Tenant != "shop" {
		t.Errorf("a request of the Config before: %+v", who)
	}
	check(t, a, request(third, token), authn.ReasonNoTenant, 403)
}

// cached is an Authorizer with a token that it has verified.
func cached(t testing.TB) (*authn.Authorizer, *exchange.Exchange, []*gateway.Authorization) {
	t.Helper()
	good := authntest.NewSigner(t, "one")
	policy := &gateway.Authorization{Name: "a/b", RequireTenant: true, Issuers: []gateway.Issuer{{URL: "https://issuer.example", Inline: authntest.Set(t, good), Audiences: []string{audience}, TenantClaim: "kubernetes.io.namespace"}}}
	config := configOf(policy)
	a := start(t, clock.RealClock{}, config, nil)
	x := request(config, http1.Field{Name: "Host", Value: "api"}, http1.Field{Name: "Accept", Value: "*/*"},
		bearer(good.Sign(t, authntest.Claims("https://issuer.example", time.Now(), map[string]any{"pad": strings.Repeat("x", 500)}))))
	if _, refusal := ask(t, a, x); refusal != nil {
		t.Fatal(refusal)
	}
	return a, x, []*gateway.Authorization{policy}
}

func TestCachedTokenAllocatesNothing(t *testing.T) {
	a, x, policies := cached(t)
	got := testing.AllocsPerRun(1000, func() {
		if _, refusal := a.Authorize(t.Context(), x, policies); refusal != nil {
			t.Fatal(refusal)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations for a token that was verified before", got)
	}
}

func BenchmarkCachedToken(b *testing.B) {
	a, x, policies := cached(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := a.Authorize(b.Context(), x, policies); refusal != nil {
			b.Fatal(refusal)
		}
	}
}

// TestForeignNamespace: what namespace a token is of is the cluster's own issuer's to
// say. Another's token has a tenant only where the policy names the claim.
func TestForeignNamespace(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	for name, test := range map[string]struct{ claim, namespace, want string }{
		"the cluster's claim":             {"", "bank", authn.ReasonNoTenant},
		"a claim that the policy names":   {"kubernetes.io.namespace", "bank", ""},
		"a claim that the token has not":  {"tenant", "bank", authn.ReasonNoTenant},
		"a namespace that is no tenant's": {"", "kube-system", authn.ReasonNoTenant},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configOf(&gateway.Authorization{Name: "a/b", RequireTenant: true, Issuers: []gateway.Issuer{{
				URL: "https://issuer.example", Inline: authntest.Set(t, good), Audiences: []string{audience}, TenantClaim: test.claim,
			}}})
			a := start(t, clock.RealClock{}, config, nil)
			claims := authntest.Claims("https://issuer.example", time.Now(), map[string]any{"kubernetes.io": map[string]any{"namespace": test.namespace}})
			status := map[bool]int{true: http.StatusForbidden}[test.want != ""]
			who := check(t, a, request(config, bearer(good.Sign(t, claims))), test.want, status)
			if test.want == "" && (who.Tenant != "bank" || who.Namespace != "") {
				t.Errorf("the token is that of %+v", who)
			}
		})
	}
}
