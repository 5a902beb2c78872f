//go:build linux

package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// host is whom clients ask.
const host = "api.example"

// credentials writes an issuer's key set to a file and returns a token as a
// cluster makes them for workloads, of the size that those have.
func credentials(file string) (token string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "kid": "bench", "use": "sig", "alg": "RS256",
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, set, 0o600); err != nil {
		return "", err
	}
	now := time.Now()
	made := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuer, "aud": []string{audience}, "sub": "system:serviceaccount:" + namespace + ":orders",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(24 * time.Hour).Unix(),
		"jti":    "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
		"tenant": tenant,
		"kubernetes.io": map[string]any{
			"namespace":      namespace,
			"node":           map[string]string{"name": "node-1", "uid": "6a1f0c9e-7f2b-4f6e-9a55-2f3c8f1d5b10"},
			"pod":            map[string]string{"name": "orders-6d4b75cb6d-hmc2x", "uid": "a3b0a1d2-93a5-4a53-8c33-0f7d2f3c1e11"},
			"serviceaccount": map[string]string{"name": "orders", "uid": "5d9f1f6a-51d0-4d35-8a4e-6fb5d1a0c222"},
		},
	})
	made.Header["kid"] = "bench"
	return made.SignedString(key)
}

// requestFor is a request as clients of an API send them.
func requestFor(path, token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: orders/1.0\r\nAccept: application/json\r\n"+
		"Accept-Encoding: gzip\r\nAuthorization: Bearer %s\r\n\r\n", path, host, token)
}
