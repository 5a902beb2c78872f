package authn_test

import (
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
)

// TestLateRequest is decided by the Config that it began with, however many have come
// since, and changes nothing for those that began after it.
func TestLateRequest(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	from := authntest.NewIssuer(t, good)
	old, between, now := configOf(), configOf(), configOf(policyOf(from))
	a := start(t, clock.RealClock{}, old, nil)
	a.Update(between)
	a.Update(now)
	token := good.Sign(t, authntest.Claims(from.URL, time.Now(), nil))
	if _, refusal := ask(t, a, request(now, bearer(token))); refusal != nil {
		t.Fatalf("%+v", refusal)
	}
	if _, refusal := ask(t, a, request(old)); refusal != nil {
		t.Errorf("a request of an old Config: %+v", refusal)
	}
	if a.Config() != now {
		t.Error("a late request took the Config back")
	}
	fresh := good.Sign(t, authntest.Claims(from.URL, time.Now(), map[string]any{"jti": "fresh"}))
	if _, refusal := ask(t, a, request(now, bearer(fresh))); refusal != nil {
		t.Errorf("after the late request: %+v", refusal)
	}
}
