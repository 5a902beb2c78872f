package tenancy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

func TestSettingsArePublishedWhole(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		settings Settings
		reason   string
	}{
		{"defaults", DefaultSettings(), "a platform that changed nothing"},
		{"all", Settings{
			DNSNamespace: "dns", IngressNamespace: "edge", ObservabilityNamespace: "metrics",
			ClusterCIDRs: []string{"10.96.0.0/16", "fd00::/64"},
			Models:       []v1alpha1.IsolationModel{v1alpha1.ModelVirtualCluster, v1alpha1.ModelDedicatedCluster},
		}, "every field is told, or a plan would differ from the server's"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(row.settings, Published(row.settings.Publish())); diff != "" {
				t.Errorf("%s: what is read is not what was published (-published +read):\n%s", row.reason, diff)
			}
		})
	}
	if diff := cmp.Diff(DefaultSettings(), Published(nil)); diff != "" {
		t.Errorf("nothing published does not mean the defaults:\n%s", diff)
	}
}
