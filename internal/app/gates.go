package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	entrance "github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
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

// gateMarks are cluster roles that an installation has where a gate is open.
var gateMarks = map[string]string{gateways.Gate: "roadbed:gateway", capabilities.Gate: "roadbed:capabilities"}

// GateMark names a cluster role that an installation has where the gate is open;
// empty for gates that add nothing to it.
func GateMark(gate string) string { return gateMarks[gate] }

// gatesHere are the gates as this cluster can have them. A domain that was not
// installed, such as by an earlier version, or whose kinds somebody else serves in
// versions that it does not read, is left out and said so: everything else works.
func gatesHere(ctx context.Context, opts Options) (map[string]bool, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(opts.Config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	gates := maps.Clone(opts.FeatureGates)
	for _, gate := range []string{capabilities.Gate, gateways.Gate} {
		if !gates[gate] {
			continue
		}
		lacks, err := lackedBy(ctx, c, gate)
		if err != nil {
			return nil, err
		}
		if gates[gate] = lacks == ""; lacks != "" {
			opts.Log.ErrorContext(ctx, "what is behind a feature gate is left out", "gate", gate, "reason", lacks)
		}
	}
	return gates, nil
}

// lackedBy says what the cluster lacks for what is behind a gate, and what to do;
// empty for nothing.
func lackedBy(ctx context.Context, c client.Client, gate string) (string, error) {
	err := c.Get(ctx, client.ObjectKey{Name: gateMarks[gate]}, &rbacv1.ClusterRole{})
	if apierrors.IsNotFound(err) {
		return fmt.Sprintf("the installation has no rights for it: run \"roadbed install\" of this version, or start with --feature-gates %s=false", gate), nil
	}
	if err != nil {
		return "", fmt.Errorf("find out what is installed: %w", err)
	}
	if gate != gateways.Gate {
		return "", nil
	}
	unserved, err := Unserved(c)
	if err != nil || len(unserved) == 0 {
		return "", err
	}
	return "the cluster does not serve " + strings.Join(unserved, ", ") + ": install Gateway API 1.5 or newer, and start the server again", nil
}

// Unserved are the kinds, with their versions, that the gateway reads and the
// cluster does not serve.
func Unserved(c client.Client) ([]string, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, each := range entrance.Followed() {
		kind, err := apiutil.GVKForObject(each, scheme)
		if err != nil {
			return nil, err
		}
		_, err = c.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		switch {
		case meta.IsNoMatchError(err):
			missing = append(missing, fmt.Sprintf("%s of %s", kind.Kind, kind.GroupVersion()))
		case err != nil:
			return nil, fmt.Errorf("find out which kinds are served: %w", err)
		}
	}
	return missing, nil
}

// GateObjects are the rights and guards that a feature gate adds to an installation.
func GateObjects(gate string) []client.Object {
	return gatedObjects(map[string]bool{gate: true})
}
