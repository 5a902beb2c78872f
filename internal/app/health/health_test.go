package health

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// TestReadyzNamesTheControllerThatStopped lets one of two controllers fall
// silent: after 30 s, and not before, /readyz is red and says which.
func TestReadyzNamesTheControllerThatStopped(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Unix(1000, 0))
	liveness := steps.NewLiveness(clock, steps.SilenceLimit)
	state := &Readiness{Liveness: liveness}
	mux := http.NewServeMux()
	Routes(mux, state, nil)
	expect := func(code int, text string) {
		t.Helper()
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
		if answer.Code != code || !strings.Contains(answer.Body.String(), text) {
			t.Errorf("/readyz answers %d %q, want %d %q", answer.Code, answer.Body, code, text)
		}
	}
	liveness.Beat("tenant")
	liveness.Beat("tier")
	expect(http.StatusServiceUnavailable, "the caches are not filled yet")
	state.Synced.Store(true)
	expect(http.StatusOK, "ok")
	clock.Step(29 * time.Second)
	liveness.Beat("tier")
	expect(http.StatusOK, "ok")
	clock.Step(time.Second)
	expect(http.StatusServiceUnavailable, `controller "tenant" has been silent for 30s`)
	liveness.Beat("tenant")
	expect(http.StatusOK, "ok")
}
