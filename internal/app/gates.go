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
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// Gate is a feature gate. As in Kubernetes, what is alpha is closed by default and
// what is beta is open; either can be said otherwise.
type Gate struct {
	Name  string
	Stage module.Stage
}

// Open says whether the gate is open where nobody says otherwise.
func (g Gate) Open() bool { return g.Stage != module.Alpha }

// Gates are all feature gates, by name.
func Gates() []Gate {
	return []Gate{
		{capabilities.Gate, module.Beta},
		{gateways.Gate, module.Beta},
		{tenancy.GateIsolationModels, module.Alpha},
	}
}

// gateNames are the names of all feature gates, sorted.
func gateNames() []string {
	var names []string
	for _, gate := range Gates() {
		names = append(names, gate.Name)
	}
	return names
}

// CheckGates says which feature gates there are not.
func CheckGates(gates map[string]bool) error {
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		if !slices.Contains(gateNames(), name) {
			return fmt.Errorf("there is no feature gate %q: use some of %s", name, strings.Join(gateNames(), ", "))
		}
	}
	return nil
}

// gatesWith are all gates, as they are by default and as somebody said otherwise.
func gatesWith(said map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, gate := range Gates() {
		all[gate.Name] = gate.Open()
	}
	maps.Copy(all, said)
	return all
}

// otherGates are the gates that are not as they are by default, sorted, as the
// flag --feature-gates has them.
func otherGates(gates map[string]bool) []string {
	var other []string
	for _, gate := range Gates() {
		if open, said := gates[gate.Name]; said && open != gate.Open() {
			other = append(other, fmt.Sprintf("%s=%t", gate.Name, open))
		}
	}
	return other
}

// GateObjects are the rights and guards that a feature gate adds to an installation.
func GateObjects(gate string) []client.Object {
	return gatedObjects(map[string]bool{gate: true})
}
