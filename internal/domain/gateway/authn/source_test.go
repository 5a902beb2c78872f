package authn_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
)

// until polls, for goroutines to get where they wait.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestRotationUnderLoad changes the issuer's key again and again while callers
// use tokens of the newest.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	old := authntest.NewSigner(t, "key-0")
	from := authntest.NewIssuer(t, old)
	config := configOf(policyOf(from))
	a := start(t, clock.RealClock{}, config, nil)
	var token atomic.Pointer[string]
	use := func(s authntest.Signer) {
		text := s.Sign(t, authntest.Claims(from.URL, time.Now(), nil))
		token.Store(&text)
	}
	use(old)
	ctx, cancel := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	var passed atomic.Int64
	for range 16 {
		crowd.Go(func() {
			for ctx.Err() == nil {
				if _, refusal := a.Authorize(context.Background(), request(config, bearer(*token.Load())), []*gateway.Authorization{config.Authorizations["apis/callers"]}); refusal != nil {
					t.Errorf("a good token is refused: %+v", refusal)
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
		until(t, "callers go on with the new key", func() bool { return passed.Load() > before+1000 || t.Failed() })
		old = next
	}
	cancel()
	crowd.Wait()
}

// TestFloodOfUnknownKeys has callers send tokens of keys that do not exist, each
// of another.
func TestFloodOfUnknownKeys(t *testing.T) {
	t.Parallel()
	good, bad := authntest.NewSigner(t, "one"), authntest.NewSigner(t, "two")
	from := authntest.NewIssuer(t, good)
	config := configOf(policyOf(from))
	a := start(t, clock.RealClock{}, config, nil)
	valid := good.Sign(t, authntest.Claims(from.URL, time.Now(), nil))
	began := time.Now()
	var crowd sync.WaitGroup
	var wrong, flood atomic.Int64
	for caller := range 32 {
		crowd.Go(func() {
			for i := 0; time.Since(began) < 2500*time.Millisecond; i++ {
				unknown := authntest.Signer{ID: fmt.Sprintf("no-%d-%d", caller, i), Key: bad.Key}
				_, refusal := ask(t, a, request(config, bearer(unknown.Sign(t, authntest.Claims(from.URL, time.Now(), nil)))))
				flood.Add(1)
				if refusal == nil || refusal.Reason != authn.ReasonKey {
					wrong.Add(1)
				}
				if _, refusal := ask(t, a, request(config, bearer(valid))); refusal != nil {
					t.Errorf("a good token is refused in the flood: %+v", refusal)
				}
			}
		})
	}
	crowd.Wait()
	most := int64(time.Since(began)/time.Second) + 1
	if got := from.Fetches.Load(); got > most || flood.Load() < 64 {
		t.Errorf("%d fetches in %v for %d unknown keys, want at most %d", got, time.Since(began), flood.Load(), most)
	}
	if wrong.Load() != 0 {
		t.Errorf("%d tokens of unknown keys were not refused for that", wrong.Load())
	}
}

func TestIssuerIsDown(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	from := authntest.NewIssuer(t, good)
	policy := policyOf(from)
	policy.Issuers[0].MaxStale = time.Hour
	config := configOf(policy)
	clock := testclock.NewFakeClock(time.Now())
	a := start(t, clock, config, nil)
	forLong := map[string]any{"exp": clock.Now().Add(24 * time.Hour).Unix()}
	cached := good.Sign(t, authntest.Claims(from.URL, clock.Now(), forLong))
	forLong["jti"] = "another"
	fresh := good.Sign(t, authntest.Claims(from.URL, clock.Now(), forLong))
	if _, refusal := ask(t, a, request(config, bearer(cached))); refusal != nil {
		t.Fatal(refusal)
	}
	// step lets the time pass in which the issuer is asked again.
	step := func(d time.Duration) {
		for asked := from.Fetches.Load(); from.Fetches.Load() == asked; {
			until(t, "the issuer is waited for", clock.HasWaiters)
			clock.Step(d)
		}
	}
	from.Down.Store(true)
	for range 3 {
		step(6 * time.Minute)
	}
	for name, token := range map[string]string{"cached": cached, "fresh": fresh} {
		if _, refusal := ask(t, a, request(config, bearer(token))); refusal != nil {
			t.Errorf("a %s token is refused while known keys may be used: %+v", name, refusal)
		}
	}
	step(time.Hour + time.Minute)
	for name, token := range map[string]string{"cached": cached, "fresh": fresh} {
		_, refusal := ask(t, a, request(config, bearer(token)))
		if refusal == nil || refusal.Status != http.StatusServiceUnavailable || refusal.Reason != authn.ReasonUndecided {
			t.Errorf("a %s token after the longest time: %+v, want 503", name, refusal)
		}
	}
	from.Down.Store(false)
	step(time.Minute)
	until(t, "tokens are taken again", func() bool {
		_, refusal := ask(t, a, request(config, bearer(cached)))
		return refusal == nil
	})
}

func TestKeyIsDropped(t *testing.T) {
	t.Parallel()
	first, second := authntest.NewSigner(t, "one"), authntest.NewSigner(t, "two")
	from := authntest.NewIssuer(t, first)
	config := configOf(policyOf(from))
	a := start(t, clock.RealClock{}, config, nil)
	kept := second.Sign(t, authntest.Claims(from.URL, time.Now(), nil))
	token := first.Sign(t, authntest.Claims(from.URL, time.Now(), nil))
	if _, refusal := ask(t, a, request(config, bearer(token))); refusal != nil {
		t.Fatal(refusal)
	}
	from.Publish(authntest.Set(t, second))
	if _, refusal := ask(t, a, request(config, bearer(kept))); refusal != nil { // makes the keys be fetched
		t.Fatal(refusal)
	}
	if _, refusal := ask(t, a, request(config, bearer(token))); refusal == nil || refusal.Reason != authn.ReasonKey {
		t.Errorf("a cached token of a key that is no longer published: %+v", refusal)
	}
}

func TestKeyOfTheSameNameChanges(t *testing.T) {
	t.Parallel()
	first, second := authntest.NewSigner(t, "one"), authntest.NewSigner(t, "one")
	from := authntest.NewIssuer(t, first)
	config := configOf(policyOf(from))
	clock := testclock.NewFakeClock(time.Now())
	a := start(t, clock, config, nil)
	token := first.Sign(t, authntest.Claims(from.URL, time.Now(), nil))
	if _, refusal := ask(t, a, request(config, bearer(token))); refusal != nil {
		t.Fatal(refusal)
	}
	from.Publish(authntest.Set(t, second))
	until(t, "the key is exchanged", func() bool {
		clock.Step(time.Minute)
		_, refusal := ask(t, a, request(config, bearer(token)))
		return refusal != nil && refusal.Reason == authn.ReasonSignature
	})
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		document string // %s is the issuer
		passes   bool
	}{
		"good":          {`{"issuer":"%[1]s","jwks_uri":"%[1]s/jwks"}`, true},
		"of another":    {`{"issuer":"https://example.com","jwks_uri":"%[1]s/jwks"}`, false},
		"without keys":  {`{"issuer":"%[1]s"}`, false},
		"plain text":    {`{"issuer":"%[1]s","jwks_uri":"http://192.0.2.1/jwks"}`, false},
		"no JSON":       {`x`, false},
		"other schemes": {`{"issuer":"%[1]s","jwks_uri":"file:///etc/passwd"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := authntest.NewSigner(t, "one")
			mux := http.NewServeMux()
			server := httptest.NewTLSServer(mux)
			t.Cleanup(server.Close)
			mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprint(w, strings.ReplaceAll(test.document, "%[1]s", server.URL))
			})
			mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(authntest.Set(t, good)) })
			policy := policyOf(&authntest.Issuer{Server: server})
			config := configOf(policy)
			a := start(t, clock.RealClock{}, config, nil)
			_, refusal := ask(t, a, request(config, bearer(good.Sign(t, authntest.Claims(server.URL, time.Now(), nil)))))
			if test.passes != (refusal == nil) || refusal != nil && refusal.Status != http.StatusServiceUnavailable {
				t.Errorf("refused: %+v, want to pass: %v", refusal, test.passes)
			}
		})
	}
}

func TestKeysOverPlainText(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	served := atomic.Int64{}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		_, _ = w.Write(authntest.Set(t, good))
	}))
	t.Cleanup(plain.Close)
	away := httptest.NewTLSServer(http.RedirectHandler("http://192.0.2.1/keys", http.StatusFound))
	t.Cleanup(away.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: away.Certificate().Raw})
	for name, test := range map[string]struct {
		at     string
		passes bool
	}{
		"loopback":    {plain.URL, true},
		"far away":    {"http://192.0.2.1/keys", false},
		"redirection": {away.URL, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configOf(&gateway.Authorization{Name: "a/b", Issuers: []gateway.Issuer{{
				URL: "https://issuer.example", JWKS: test.at, Audiences: []string{audience}, CABundle: ca,
			}}})
			a := start(t, clock.RealClock{}, config, nil)
			_, refusal := ask(t, a, request(config, bearer(good.Sign(t, authntest.Claims("https://issuer.example", time.Now(), nil)))))
			if (refusal == nil) != test.passes {
				t.Errorf("refused: %+v, want to pass: %v", refusal, test.passes)
			}
		})
	}
}

// ownCluster is the cluster's issuer.
type ownCluster struct {
	set  []byte
	down atomic.Bool
}

func (c *ownCluster) Keys(context.Context) (issuer string, set []byte, err error) {
	if c.down.Load() {
		return "", nil, errors.New("the API server does not answer")
	}
	return "https://kubernetes.default.svc", c.set, nil
}

func TestCluster(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	for name, test := range map[string]struct {
		cluster authn.Cluster
		policy  string
		issuer  string
		want    string
	}{
		"its token":            {&ownCluster{set: authntest.Set(t, good)}, "", "https://kubernetes.default.svc", ""},
		"its token by name":    {&ownCluster{set: authntest.Set(t, good)}, "https://kubernetes.default.svc", "https://kubernetes.default.svc", ""},
		"token of another":     {&ownCluster{set: authntest.Set(t, good)}, "", "https://example.com", authn.ReasonIssuer},
		"without a cluster":    {nil, "", "https://kubernetes.default.svc", authn.ReasonUndecided},
		"with keys of nothing": {&ownCluster{set: []byte(`{"keys":[]}`)}, "", "https://kubernetes.default.svc", authn.ReasonUndecided},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configOf(&gateway.Authorization{
				Name: "a/b", RequireTenant: true,
				Issuers: []gateway.Issuer{{Cluster: true, URL: test.policy, Audiences: []string{audience}}},
			})
			a := start(t, clock.RealClock{}, config, test.cluster)
			who, refusal := ask(t, a, request(config, bearer(good.Sign(t, authntest.Claims(test.issuer, time.Now(), nil)))))
			switch {
			case test.want == "" && (refusal != nil || who.Tenant != "shop" || who.Namespace != "shop"):
				t.Errorf("refused: %+v", refusal)
			case test.want != "" && (refusal == nil || refusal.Reason != test.want):
				t.Errorf("%+v, want %s", refusal, test.want)
			}
		})
	}
}
