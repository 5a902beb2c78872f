package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	tenancy "github.com/roadbed-dev/roadbed/internal/domain/tenancy/operator"
)

// Gates are the names of all feature gates, sorted.
func Gates() []string {
	return []string{capabilities.Gate, gateways.Gate, tenancy.GateIsolationModels}
}

// CheckGates says which feature gates there are not.
func CheckGates(gates map[string]bool) error {
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		if !slices.Contains(Gates(), name) {
			return fmt.Errorf("there is no feature gate %q: use some of %s", name, strings.Join(Gates(), ", "))
		}
	}
	return nil
}
