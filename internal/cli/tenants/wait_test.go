package tenants

import (
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

func newWaiter(s *verbtest.Session, patient bool, names ...string) *waiter {
	p := &program{s.Program()}
	return &waiter{p: p, names: names, patient: patient, screen: newScreen(p), refusedAt: map[string]time.Time{}}
}

func TestWaitEndsWhenEverybodyIsReady(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	all := verbtest.Tenants()
	w := newWaiter(s, false, "payments", "unseen")
	if done, err := w.judge([]tenancyv1.Tenant{*all[0], *all[2]}); done || err != nil {
		t.Errorf("done %t, error %v while one tenant is unseen", done, err)
	}
	seen := *all[0].DeepCopy()
	seen.Name = "unseen"
	if done, err := w.judge([]tenancyv1.Tenant{*all[0], seen}); !done || err != nil {
		t.Errorf("done %t, error %v while all are Ready", done, err)
	}
	want := `tenant "payments" is Ready: tenant-payments-dev, tenant-payments-prod
tenant "unseen": waiting for the controller
tenant "unseen" is Ready: tenant-payments-dev, tenant-payments-prod
`
	if got := s.Stderr.String(); got != want {
		t.Errorf("progress:\n%swant each change once:\n%s", got, want)
	}
}

func TestWaitGivesUpOnARefusalThatStands(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	clock := s.Clock.(*clocktesting.FakeClock)
	refused := []tenancyv1.Tenant{*verbtest.Tenants()[1]}
	w := newWaiter(s, false, "ledger")
	if done, err := w.judge(refused); done || err != nil {
		t.Fatalf("done %t, error %v at the first sight of a refusal", done, err)
	}
	clock.Step(refusalSettles)
	done, err := w.judge(refused)
	if !done || err == nil || !strings.Contains(err.Error(), "EnvelopeExceeded: requests.cpu: envelope 400, reserved 380 by 7 others") {
		t.Errorf("done %t, error %v; want the arithmetic", done, err)
	}
	patient := newWaiter(s, true, "ledger")
	for range 2 {
		if done, err := patient.judge(refused); done || err != nil {
			t.Errorf("a patient wait ended: %t, %v", done, err)
		}
		clock.Step(refusalSettles)
	}
}

func TestRefusalOfAnOlderGenerationDoesNotCount(t *testing.T) {
	t.Parallel()
	refused := verbtest.Tenants()[1]
	if why := refusedBy(refused); why == nil || why.Reason != tenancy.ReasonEnvelopeExceeded {
		t.Errorf("refused by %v, want %s", why, tenancy.ReasonEnvelopeExceeded)
	}
	refused.Generation = 2
	if why := refusedBy(refused); why != nil {
		t.Errorf("refused by %v, which speaks of an older generation", why)
	}
}

func TestLiveTableIsDrawnInPlace(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	s.Live = true
	w := newWaiter(s, true, "payments", "ledger", "unseen")
	var tenants []tenancyv1.Tenant
	for _, tenant := range verbtest.Tenants() {
		tenants = append(tenants, *tenant)
	}
	for range 2 {
		if _, err := w.judge(tenants); err != nil {
			t.Fatal(err)
		}
	}
	want := `TENANT     TIER     BUSINESS UNIT   ISOLATED   STATE
ledger     tier-1   retail          0/0        EnvelopeExceeded
unseen     tier-1   retail          0/0        Waiting
payments   tier-1   retail          2/2        Ready
1 of 3 tenants Ready
`
	if got := s.Stdout.String(); got != want+"\x1b[5A\x1b[J"+want {
		t.Errorf("drew:\n%q", got)
	}
}
