package tenancy_test

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

func TestTenantBecomesReady(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "onboard")
	p.tenant(t, "onboard-a", "onboard", environments("dev", "prod"))
	tenant := p.ready(t, "onboard-a")
	for _, name := range []string{"tenant-onboard-a-dev", "tenant-onboard-a-prod"} {
		if err := p.isolatedNamespace(t, name); err != nil {
			t.Error(err)
		}
	}
	if len(tenant.Status.Namespaces) != 2 || !tenant.Status.Namespaces[0].Isolated {
		t.Errorf("namespaces %+v", tenant.Status.Namespaces)
	}
	t.Log(p.trail.actions("Tenant", "onboard-a"))
	_ = tenancy.ReasonIsolated
}
