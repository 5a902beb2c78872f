package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

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

// GateObjects are the rights and guards that a feature gate adds to an installation.
func GateObjects(gate string) []client.Object {
	return gatedObjects(map[string]bool{gate: true})
}
