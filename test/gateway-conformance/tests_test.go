package conformance

import (
	"slices"
	"testing"

	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// ofKinds are tests of HTTPRoutes and ListenerSets that the suite ties to TLSRoute,
// because they name that kind: they route no TLS, and ask that the kinds of listeners
// are obeyed.
var ofKinds = []string{"HTTPRouteDisallowedKind", "ListenerSetAllowedRoutesSupportedKinds"}

// officialTests are the suite's own, all of them; those of kinds run although
// TLSRoute is not supported.
func officialTests() []suite.ConformanceTest {
	all := slices.Clone(tests.ConformanceTests)
	for i := range all {
		if slices.Contains(ofKinds, all[i].ShortName) {
			all[i].Features = slices.DeleteFunc(slices.Clone(all[i].Features), func(name features.FeatureName) bool {
				return name == features.SupportTLSRoute
			})
		}
	}
	return all
}
