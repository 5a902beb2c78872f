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
)

// TestBadTokens sends every kind of them over connections: each has its status and its
// challenge, no answer tells whom the gateway trusts, and none reaches the backend nor
// makes the gateway fetch keys from where the token says.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	good := newSigner(t, "one")
	from, behind := newIssuer(t, good), record(t)
	var lured atomic.Int64
	lure := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { lured.Add(1) }))
	t.Cleanup(lure.Close)
	tokens := badTokens(t, from, good, lure.URL)
	fronts(t, func(t *testing.T, own bool) {
		p := open(t, from.guarded(behind.Server), options{own: own})
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
		if got, err := p.get(c, "/good", "Authorization: Bearer "+from.token(good)); err != nil || got.status != http.StatusOK {
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

func badTokens(t *testing.T, from *issuer, good signer, lure string) map[string]string {
	t.Helper()
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(good.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	jwk, err := json.Marshal(good.jwk(t))
	if err != nil {
		t.Fatal(err)
	}
	now, mine := time.Now(), newSigner(t, "one")
	kid := map[string]any{"kid": "one"}
	es := func(header, claims map[string]any) string {
		all := maps.Clone(kid)
		maps.Copy(all, header)
		return sign(t, jwt.SigningMethodES256, good.key, all, from.claims(claims))
	}
	forged := func(header map[string]any) string {
		all := maps.Clone(kid)
		maps.Copy(all, header)
		return sign(t, jwt.SigningMethodES256, mine.key, all, from.claims(nil))
	}
	parts := strings.Split(es(nil, nil), ".")
	return map[string]string{
		"nothing": "", "no token": "x", "two parts": parts[0] + "." + parts[1], "no signature": parts[0] + "." + parts[1] + ".",
		"alg none":             sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, from.claims(nil)),
		"HS256 by the PEM":     sign(t, jwt.SigningMethodHS256, text, kid, from.claims(nil)),
		"HS256 by the JWK":     sign(t, jwt.SigningMethodHS256, jwk, kid, from.claims(nil)),
		"wrong key type":       sign(t, jwt.SigningMethodRS256, weak, kid, from.claims(nil)),
		"RSA says it is ES256": sign(t, jwt.SigningMethodRS256, weak, map[string]any{"kid": "one", "alg": "ES256"}, from.claims(nil)),
		"another key":          forged(nil),
		"its own key":          forged(map[string]any{"jwk": mine.jwk(t)}),
		"keys of another URL":  forged(map[string]any{"jku": lure + "/keys", "kid": "two"}),
		"chain of another URL": forged(map[string]any{"x5u": lure + "/chain"}),
		"key id is a path":     forged(map[string]any{"kid": "../../../../etc/passwd"}),
		"key id is a URL":      forged(map[string]any{"kid": lure + "/keys"}),
		"key id is a query":    forged(map[string]any{"kid": "one' OR '1'='1"}),
		"key id is huge":       forged(map[string]any{"kid": strings.Repeat("k", 4<<10)}),
		"critical":             es(map[string]any{"crit": []string{"exp"}}, nil),
		"expired":              es(nil, map[string]any{"exp": now.Add(-time.Minute).Unix()}),
		"never ends":           es(nil, map[string]any{"exp": nil}),
		"not yet":              es(nil, map[string]any{"nbf": now.Add(time.Minute).Unix()}),
		"of the future":        es(nil, map[string]any{"iat": now.Add(time.Minute).Unix()}),
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
		old := newSigner(t, "key-0")
		from := newIssuer(t, old)
		p := open(t, from.guarded(record(t).Server), options{own: own})
		var token atomic.Pointer[string]
		use := func(s signer) { text := from.token(s); token.Store(&text) }
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
			next := newSigner(t, fmt.Sprint("key-", i+1))
			from.publish(old, next)
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
	good, bad := newSigner(t, "one"), newSigner(t, "two")
	from := newIssuer(t, good)
	p := open(t, from.guarded(record(t).Server), options{own: true})
	c, valid := client(t), from.token(good)
	if got, err := p.get(c, "/", "Authorization: Bearer "+valid); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d, %v", got.status, err)
	}
	began, fetched := time.Now(), from.fetches.Load()
	var crowd sync.WaitGroup
	for caller := range 8 {
		crowd.Go(func() {
			for i := 0; time.Since(began) < 1500*time.Millisecond; i++ {
				if caller == 0 && time.Since(began) > 700*time.Millisecond {
					from.down.Store(true)
				}
				token, want := valid, http.StatusOK
				if caller > 1 {
					token, want = from.token(signer{fmt.Sprintf("no-%d-%d", caller, i), bad.key}), http.StatusUnauthorized
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
	if n, most := from.fetches.Load()-fetched, int64(time.Since(began)/time.Second)+1; n > most {
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
