package guards_test

import (
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	kubetest.Main(m)
}

// TestGuards tries the guards as the embedded control plane has them: the core
// as files of the API server, the rest as objects.
func TestGuards(t *testing.T) {
	t.Parallel()
	p := startPlane(t, true)
	suites := []struct {
		name string
		run  func(*testing.T, *plane)
	}{
		{"TenantsAreIsolated", testTenantsAreIsolated},
		{"NetworkPoliciesOfTenantsOpenNothingNew", testNetworkPolicies},
		{"Advisories", testAdvisories},
		{"ClusterAdminsAreHeldToo", testClusterAdmins},
		{"BusinessUnitsOnboardTheirOwn", testOnboarding},
		{"NothingRunsBeforeIsolation", testIsolatedFirst},
		{"PavedRoad", testPavedRoad},
		{"LoadBalancersNeedNoNodePort", testLoadBalancers},
		{"LargeObjectsStayWithinTheBudget", testBudget},
		{"KubernetesIsNotLockedOut", testKubernetesIsNotLockedOut},
	}
	for _, suite := range suites {
		t.Run(suite.name, func(t *testing.T) { suite.run(t, p) })
	}
}
