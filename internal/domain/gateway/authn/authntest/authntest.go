// Package authntest has an issuer of tokens for tests: keys to sign with, and a
// server that publishes them as an OpenID provider does.
package authntest

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
)

// Audience is whom the tokens are for.
const Audience = "platform-api"

// Signer is a private key on the curve P-256 with its id.
type Signer struct {
	ID  string
	Key *ecdsa.PrivateKey
}

// NewSigner makes a key.
func NewSigner(t testing.TB, id string) Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Signer{id, key}
}

// JWK is the public half as a JSON Web Key (RFC 7517).
func (s Signer) JWK(t testing.TB) map[string]any {
	t.Helper()
	point, err := s.Key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": s.ID, "x": encode(point[1:33]), "y": encode(point[33:])}
}

// Sign makes a token of the claims.
func (s Signer) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return Sign(t, jwt.SigningMethodES256, s.Key, map[string]any{"kid": s.ID}, claims)
}

// Sign makes a token of the claims by any method and key; header adds to what the
// token says of itself.
func Sign(t testing.TB, method jwt.SigningMethod, key crypto.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	maps.Copy(token.Header, header)
	text, err := token.SignedString(any(key))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Set is the JSON Web Key Set of the signers.
func Set(t testing.TB, signers ...Signer) []byte {
	t.Helper()
	keys := []any{}
	for _, one := range signers {
		keys = append(keys, one.JWK(t))
	}
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Claims are those of a workload of the namespace shop; more replaces them, and nil
// takes one away.
func Claims(issuer string, now time.Time, more map[string]any) map[string]any {
	made := map[string]any{
		"iss": issuer, "sub": "system:serviceaccount:shop:web", "aud": []string{Audience},
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

// Issuer serves a discovery document and keys over TLS on loopback.
type Issuer struct {
	*httptest.Server

	// Fetches counts how often the keys were asked for.
	Fetches atomic.Int64
	// Down makes it answer 502 instead of the keys.
	Down atomic.Bool

	mu  sync.Mutex
	set []byte // guarded by mu
}

// NewIssuer starts an issuer with the signers' keys, which ends with the test.
func NewIssuer(t testing.TB, signers ...Signer) *Issuer {
	t.Helper()
	made := &Issuer{set: Set(t, signers...)}
	made.Server = httptest.NewTLSServer(made)
	t.Cleanup(made.Close)
	return made
}

// ServeHTTP answers as an OpenID provider's public endpoints do.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/.well-known/openid-configuration" {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
		return
	}
	i.Fetches.Add(1)
	if i.Down.Load() {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	_, _ = w.Write(i.set)
}

// Publish makes a JSON Web Key Set what the issuer serves.
func (i *Issuer) Publish(set []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set = set
}

// Authority is whom to trust for its certificate, as PEM.
func (i *Issuer) Authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
}
