package dataplane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

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

// jwk is the public half as a JSON Web Key.
func (s signer) jwk(t testing.TB) map[string]any {
	t.Helper()
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": s.id, "x": encode(point[1:33]), "y": encode(point[33:])}
}

// sign makes a token; header adds to what it says of itself.
func sign(t testing.TB, method jwt.SigningMethod, key crypto.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	maps.Copy(token.Header, header)
	text, err := token.SignedString(any(key))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// issuer serves keys over TLS on loopback, and counts how often.
type issuer struct {
	*httptest.Server
	t       testing.TB
	fetches atomic.Int64
	down    atomic.Bool

	mu  sync.Mutex
	set []byte
}

func newIssuer(t testing.TB, signers ...signer) *issuer {
	t.Helper()
	made := &issuer{t: t}
	made.publish(signers...)
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

// publish makes these all the keys there are.
func (i *issuer) publish(signers ...signer) {
	i.t.Helper()
	keys := []any{}
	for _, one := range signers {
		keys = append(keys, one.jwk(i.t))
	}
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set = text
}

// claims are those of a workload of the namespace shop; more replaces them, and nil
// takes one away.
func (i *issuer) claims(more map[string]any) map[string]any {
	now := time.Now()
	made := map[string]any{
		"iss": i.URL, "sub": "system:serviceaccount:shop:web", "aud": []string{"platform-api"},
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

// token is a good one.
func (i *issuer) token(s signer) string {
	i.t.Helper()
	return sign(i.t, jwt.SigningMethodES256, s.key, map[string]any{"kid": s.id}, i.claims(nil))
}

// guarded is a Config whose only route takes the issuer's tokens.
func (i *issuer) guarded(behind *httptest.Server) *gateway.Config {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	open := rule("/", "apis/echo:80")
	open.Filters.Authorization = []string{"apis/callers"}
	c := config([]*gateway.Backend{backend("apis/echo:80", behind)}, open)
	c.Authorizations["apis/callers"] = &gateway.Authorization{
		Name: "apis/callers", RequireTenant: true,
		Issuers: []gateway.Issuer{{URL: i.URL, Audiences: []string{"platform-api"}, CABundle: ca, TenantClaim: "kubernetes.io.namespace"}},
	}
	return c
}
