package authn_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

const audience = "platform-api"

// signer is a private key with its id.
type signer struct {
	id  string
	key *ecdsa.PrivateKey
}

func newSigner(t testing.TB, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, key}
}

func (s signer) jwk(t testing.TB) map[string]any {
	t.Helper()
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": s.id, "x": encode(point[1:33]), "y": encode(point[33:])}
}

// set is the JSON Web Key Set of the signers.
func set(t testing.TB, signers ...signer) []byte {
	t.Helper()
	keys := []any{}
	for _, one := range signers {
		keys = append(keys, one.jwk(t))
	}
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sign makes a token of the claims; header adds to what it says of itself.
func sign(t testing.TB, method jwt.SigningMethod, key crypto.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	maps.Copy(token.Header, header)
	var with any = key
	text, err := token.SignedString(with)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s signer) sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return sign(t, jwt.SigningMethodES256, s.key, map[string]any{"kid": s.id}, claims)
}

// claimsOf are those of a workload of the namespace shop; more replaces them,
// and nil takes one away.
func claimsOf(issuer string, now time.Time, more map[string]any) map[string]any {
	made := map[string]any{
		"iss": issuer, "sub": "system:serviceaccount:shop:web", "aud": []string{audience},
		"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(),
		"kubernetes.io": map[string]any{"namespace": "shop", "serviceaccount": map[string]any{"name": "web"}},
	}
	for name, value := range more {
		if made[name] = value; value == nil {
			delete(made, name)
		}
	}
	return made
}

// issuer serves keys over TLS on loopback, and counts how often.
type issuer struct {
	*httptest.Server
	fetches atomic.Int64
	down    atomic.Bool

	mu  sync.Mutex
	set []byte
}

func newIssuer(t testing.TB, signers ...signer) *issuer {
	t.Helper()
	made := &issuer{set: set(t, signers...)}
	made.Server = httptest.NewTLSServer(made)
	t.Cleanup(made.Close)
	return made
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/.well-known/openid-configuration" {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
		return
	}
	i.fetches.Add(1)
	if i.down.Load() {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	_, _ = w.Write(i.set)
}

func (i *issuer) publish(set []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set = set
}

// policy takes the issuer's tokens.
func (i *issuer) policy() *gateway.Authorization {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	return &gateway.Authorization{
		Name: "apis/callers", RequireTenant: true,
		Issuers: []gateway.Issuer{{URL: i.URL, Audiences: []string{"other", audience}, CABundle: ca, TenantClaim: "kubernetes.io.namespace"}},
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
