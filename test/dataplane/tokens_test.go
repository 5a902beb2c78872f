package dataplane

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
)

// TestBadTokens sends every kind of them over connections: each has its status and its
// challenge, no answer tells whom the gateway trusts, and none reaches the backend nor
// makes the gateway fetch keys from where the token says.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	from, behind := authntest.NewIssuer(t, good), record(t)
	var lured atomic.Int64
	lure := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { lured.Add(1) }))
	t.Cleanup(lure.Close)
	tokens := badTokens(t, from, good, lure.URL)
	fronts(t, func(t *testing.T, own bool) {
		p := open(t, guarded(from, behind.Server), options{own: own})
		c := client(t)
		var callers sync.WaitGroup // those with unknown keys wait for the issuer's next answer
		for name, token := range tokens {
			callers.Go(func() {
				got, err := p.get(c, "/", "Authorization: Bearer "+token)
				if text := got.body + strings.Join(values(got.header), " "); strings.Contains(text, from.URL) || strings.Contains(text, lure.URL) || got.header.Get(marked) != "" {
					t.Errorf("%s: the answer tells of the inside: %s", name, text)
				}
				checkRefusal(t, name, got, err)
			})
		}
		callers.Wait()
		if got, err := p.get(c, "/good", "Authorization: Bearer "+tokenOf(t, from, good)); err != nil || got.status != http.StatusOK {
			t.Errorf("a good token after all that: %d, %v", got.status, err)
		}
	})
	t.Cleanup(func() {
		if n := lured.Load(); n > 0 {
			t.Errorf("keys were fetched %d times from where a token said", n)
		}
	})
}

func checkRefusal(t *testing.T, name string, got answer, err error) {
	t.Helper()
	want := http.StatusUnauthorized
	switch name {
	case "no tenant":
		want = http.StatusForbidden
	case "of 100 KiB": // the head is too large before anybody looks at it
		want = http.StatusRequestHeaderFieldsTooLarge
	}
	if err != nil || got.status != want || want == http.StatusUnauthorized && !strings.Contains(got.header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("%s: %d %s %s, %v, want %d", name, got.status, got.header.Get("WWW-Authenticate"), got.body, err, want)
	}
}

func badTokens(t *testing.T, from *authntest.Issuer, good authntest.Signer, lure string) map[string]string {
	t.Helper()
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(good.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	jwk, err := json.Marshal(good.JWK(t))
	if err != nil {
		t.Fatal(err)
	}
	now, mine := time.Now(), authntest.NewSigner(t, "one")
	kid := map[string]any{"kid": "one"}
	es := func(header, claims map[string]any) string {
		all := maps.Clone(kid)
		maps.Copy(all, header)
		return authntest.Sign(t, jwt.SigningMethodES256, good.Key, all, authntest.Claims(from.URL, now, claims))
	}
	forged := func(header map[string]any) string {
		all := maps.Clone(kid)
		maps.Copy(all, header)
		return authntest.Sign(t, jwt.SigningMethodES256, mine.Key, all, authntest.Claims(from.URL, now, nil))
	}
	parts := strings.Split(es(nil, nil), ".")
	return map[string]string{
		"nothing": "", "no token": "x", "two parts": parts[0] + "." + parts[1], "no signature": parts[0] + "." + parts[1] + ".",
		"alg none":             authntest.Sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, authntest.Claims(from.URL, now, nil)),
		"HS256 by the PEM":     authntest.Sign(t, jwt.SigningMethodHS256, text, kid, authntest.Claims(from.URL, now, nil)),
		"HS256 by the JWK":     authntest.Sign(t, jwt.SigningMethodHS256, jwk, kid, authntest.Claims(from.URL, now, nil)),
		"wrong key type":       authntest.Sign(t, jwt.SigningMethodRS256, weak, kid, authntest.Claims(from.URL, now, nil)),
		"RSA says it is ES256": authntest.Sign(t, jwt.SigningMethodRS256, weak, map[string]any{"kid": "one", "alg": "ES256"}, authntest.Claims(from.URL, now, nil)),
		"another key":          forged(nil),
		"its own key":          forged(map[string]any{"jwk": mine.JWK(t)}),
		"keys of another URL":  forged(map[string]any{"jku": lure + "/keys", "kid": "two"}),
		"chain of another URL": forged(map[string]any{"x5u": lure + "/chain"}),
		"key id is a path":     forged(map[string]any{"kid": "../../../../etc/passwd"}),
		"key id is a URL":      forged(map[string]any{"kid": lure + "/keys"}),
		"key id is a query":    forged(map[string]any{"kid": "one' OR '1'='1"}),
		"key id is huge":       forged(map[string]any{"kid": strings.Repeat("k", 4<<10)}),
		"critical":             es(map[string]any{"crit": []string{"exp"}}, nil),
		"expired":              es(nil, map[string]any{"exp": now.Add(-time.Minute).Unix()}),
		"never ends":           es(nil, map[string]any{"exp": nil}),
		"not yet":              es(nil, map[string]any{"nbf": now.Add(time.Hour).Unix()}),
		"of the future":        es(nil, map[string]any{"iat": now.Add(time.Hour).Unix()}),
		"wrong audience":       es(nil, map[string]any{"aud": "https://kubernetes.default.svc"}),
		"no audience":          es(nil, map[string]any{"aud": nil}),
		"wrong issuer":         es(nil, map[string]any{"iss": lure}),
		"nobody":               es(nil, map[string]any{"sub": nil}),
		"no tenant":            es(nil, map[string]any{"kubernetes.io": map[string]any{"namespace": "kube-system"}}),
		"of 12 KiB":            es(nil, map[string]any{"pad": strings.Repeat("x", 9<<10)}),
		"of 100 KiB":           es(nil, map[string]any{"pad": strings.Repeat("x", 75<<10)}),
		"deep":                 es(nil, map[string]any{"pad": deep(60)}),
		"encrypted":            strings.Join(append(parts, "x", "y"), "."),
	}
}

func deep(levels int) any {
	if levels == 0 {
		return "x"
	}
	return []any{deep(levels - 1)}
}

// TestRotationUnderLoad has callers whose tokens are of the newest key as soon as the
// issuer publishes it: none is ever refused.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		old := authntest.NewSigner(t, "key-0")
		from := authntest.NewIssuer(t, old)
		p := open(t, guarded(from, record(t).Server), options{own: own})
		var token atomic.Pointer[string]
		use := func(s authntest.Signer) { text := tokenOf(t, from, s); token.Store(&text) }
		use(old)
		ctx, cancel := context.WithCancel(t.Context())
		var crowd sync.WaitGroup
		var passed, refused atomic.Int64
		c := client(t)
		for range 8 {
			crowd.Go(func() {
				for ctx.Err() == nil {
					got, err := p.get(c, "/", "Authorization: Bearer "+*token.Load())
					if err != nil || got.status != http.StatusOK {
						refused.Add(1)
						t.Errorf("a good token: %d, %v", got.status, err)
						return
					}
					passed.Add(1)
				}
			})
		}
		for i := range 3 {
			next := authntest.NewSigner(t, fmt.Sprint("key-", i+1))
			from.Publish(authntest.Set(t, old, next))
			before := passed.Load()
			use(next)
			until(t, "callers go on with the new key", func() bool { return passed.Load() > before+100 || refused.Load() > 0 })
			old = next
		}
		cancel()
		crowd.Wait()
	})
}

// TestFloodOfUnknownKeys has callers show tokens of keys that nobody has: the issuer
// is asked about them at most once a second, and good tokens pass all the while, also
// when the issuer has gone.
func TestFloodOfUnknownKeys(t *testing.T) {
	t.Parallel()
	good, bad := authntest.NewSigner(t, "one"), authntest.NewSigner(t, "two")
	from := authntest.NewIssuer(t, good)
	p := open(t, guarded(from, record(t).Server), options{own: true})
	c, valid := client(t), tokenOf(t, from, good)
	if got, err := p.get(c, "/", "Authorization: Bearer "+valid); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d, %v", got.status, err)
	}
	began, fetched := time.Now(), from.Fetches.Load()
	var crowd sync.WaitGroup
	for caller := range 8 {
		crowd.Go(func() {
			for i := 0; time.Since(began) < 1500*time.Millisecond; i++ {
				if caller == 0 && time.Since(began) > 700*time.Millisecond {
					from.Down.Store(true)
				}
				token, want := valid, http.StatusOK
				if caller > 1 {
					token, want = tokenOf(t, from, authntest.Signer{ID: fmt.Sprintf("no-%d-%d", caller, i), Key: bad.Key}), http.StatusUnauthorized
				}
				got, err := p.get(c, "/", "Authorization: Bearer "+token)
				if err != nil || got.status != want && !(want == http.StatusUnauthorized && got.status == http.StatusServiceUnavailable) {
					t.Errorf("%d, %v: want %d", got.status, err, want)
					return
				}
			}
		})
	}
	crowd.Wait()
	if n, most := from.Fetches.Load()-fetched, int64(time.Since(began)/time.Second)+1; n > most {
		t.Errorf("the issuer was asked %d times in %v", n, time.Since(began))
	}
}

// until polls, for what goes on elsewhere.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
