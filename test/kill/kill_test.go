package kill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/test/server"
)

func TestMain(m *testing.M) {
	server.Main()
	kubetest.Main(m)
}

const (
	// inFlight is how many tenants are being onboarded at any time.
	inFlight = 3
	// longestLife is the most changes a server lives to see.
	longestLife = 14
)

// TestNoPodBeforeIsolation onboards tenants, three at a time, while the server
// is killed with -9 after a random number of changes that it or Kubernetes made
// for them: 0 is as soon as it is ready. All the time a cluster administrator
// tries to create a pod in each tenant namespace there is. Whatever was
// admitted must have been admitted with everything in force, and in the end
// every tenant is Ready.
func TestNoPodBeforeIsolation(t *testing.T) {
	t.Parallel()
	const kills = 50
	s := newSiege(t, guards.Static())
	s.lay(t, kills)
	t.Logf("%d kills, %d tenants, %d pods refused, %d admitted", kills, len(s.tenants), s.attempts.refused(), s.attempts.admitted())
	for _, err := range s.judge(t) {
		t.Error(err)
	}
	for _, err := range s.attempts.surprises() {
		t.Errorf("an attempt failed: %v", err)
	}
	if s.attempts.refused() == 0 {
		t.Error("no pod was refused: nobody tried early enough to show anything")
	}
}

// TestSiegeSeesAMissingGuard shows that the test above can fail: without the
// guard, pods are admitted too early, and the history says so.
func TestSiegeSeesAMissingGuard(t *testing.T) {
	t.Parallel()
	others := slices.DeleteFunc(guards.Static(), func(file guards.StaticManifest) bool {
		return strings.Contains(file.Name, "isolated-first")
	})
	s := newSiege(t, others)
	s.lay(t, 2)
	if errs := s.judge(t); len(errs) == 0 {
		t.Errorf("none of %d pods was admitted too early", s.attempts.admitted())
	}
}

// lay kills the server so many times, each time after a random number of
// changes, and then lets it finish.
func (s *siege) lay(t *testing.T, kills int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(kills)))
	for range kills {
		s.onboard(t)
		s.live(t, random.IntN(longestLife+1))
	}
	s.converge(t)
}

// onboard creates tenants until enough of them are not isolated.
func (s *siege) onboard(t *testing.T) {
	t.Helper()
	for perTenant*len(s.tenants)-s.recorder.history.isolated() < perTenant*inFlight {
		tenant := aTenant(len(s.tenants))
		if err := s.client.Create(t.Context(), tenant); err != nil {
			t.Fatalf("create tenant: %v", err)
		}
		s.tenants = append(s.tenants, tenant)
	}
}

// live runs the server until so many changes were made for tenants, or none are
// left to make, and kills it.
func (s *siege) live(t *testing.T, changes int) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, fmt.Errorf("the server did not make %d changes in %s", changes, patience))
	defer cancel()
	process := s.start(t)
	defer process.Kill()
	before := s.recorder.history.count()
	if changes == 0 {
		if _, err := process.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		return
	}
	enough := func(h *history) bool {
		return h.count()-before >= changes || h.isolated() == perTenant*len(s.tenants)
	}
	if err := s.recorder.await(ctx, enough); err != nil {
		t.Fatal(err)
	}
}

// converge lets the server live until every tenant is ready and has a pod in
// each namespace, and waits until the recorder knows everything up to then.
func (s *siege) converge(t *testing.T) {
	t.Helper()
	process := s.start(t)
	t.Cleanup(process.Kill)
	kubetest.Eventually(t, patience, "every tenant is ready", func() error {
		if left := s.unready(t); left > 0 {
			return fmt.Errorf("%d of %d tenants are not ready", left, len(s.tenants))
		}
		return nil
	})
	kubetest.Eventually(t, patience, "every namespace has a pod", func() error {
		if pods, want := s.attempts.admitted(), perTenant*len(s.tenants); pods < want {
			return fmt.Errorf("%d pods of %d", pods, want)
		}
		return nil
	})
	s.catchUp(t)
}

// judge asks the history about every pod and returns what it has against it.
func (s *siege) judge(t *testing.T) []error {
	t.Helper()
	planned := s.planned(t)
	var errs []error
	for _, pod := range s.attempts.pods() {
		if err := s.recorder.history.judge(pod, planned[pod.Namespace]); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
