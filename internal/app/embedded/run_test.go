package embedded

import (
	"bytes"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// TestThePlanesOwnRangesAreClosed wants the controllers' settings and the static
// guards to know where the plane's own addresses are.
func TestThePlanesOwnRangesAreClosed(t *testing.T) {
	t.Parallel()
	ranges := standalone.ClusterCIDRs()
	if len(ranges) != 2 {
		t.Fatalf("the plane has ranges %v, want one of services and one of pods", ranges)
	}
	guarded := map[string]bool{}
	for _, file := range staticGuards(settings()) {
		for _, r := range append(ranges, settings().ClusterCIDRs...) {
			if file.Name == "roadbed-network-peers.yaml" && bytes.Contains(file.Data, []byte("'"+r+"'")) {
				guarded[r] = true
			}
		}
	}
	if len(guarded) != len(ranges) {
		t.Errorf("guards close %v of %v", guarded, ranges)
	}
}
