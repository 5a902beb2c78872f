package capabilities_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/consumers"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// consumed: a call through the gateway is in the server's answer soon, to whoever
// may ask, with who called, which operation, and when exactly.
func consumed(t *testing.T, env *kubetest.Env, health string, workload caller) {
	t.Helper()
	began := time.Now().Add(-time.Millisecond) // the ledger keeps milliseconds
	workload.await(t, http.StatusOK, http.MethodGet, "/v1/databases", "")
	operator := caller{"http://" + health, token(t, env.Client, "roadbed-system", "roadbed", consumers.Audience)}
	path := consumers.Path + "?capability=databases"
	kubetest.Eventually(t, patience, "the ledger names the call", func() error {
		got := operator.ask(t, http.MethodGet, path, "")
		items, _ := got.said["items"].([]any)
		for _, item := range items {
			is := item.(map[string]any)
			last, err := time.Parse(time.RFC3339, is["last"].(string))
			if err == nil && !last.Before(began) && is["tenant"] == "payments" && is["version"] == "v1" && is["operation"] == "GET /v1/databases" {
				t.Logf("named %s after the call, which was at %s", time.Since(began).Round(time.Millisecond), last)
				return nil
			}
		}
		return fmt.Errorf("%d %v", got.status, got.said)
	})
	stranger := caller{operator.url, token(t, env.Client, "tenant-payments", "default", consumers.Audience)}
	if got := stranger.ask(t, http.MethodGet, path, ""); got.status != http.StatusForbidden {
		t.Errorf("a tenant's workload hears who uses a capability: %d %v", got.status, got.said)
	}
}
