// Package gates are the feature gates: what they are by default, and what of them a
// cluster can have.
package gates

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	capabilityv1alpha1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	gatewayv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
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

// All are the feature gates, by name.
func All() []Gate {
	return []Gate{
		{capabilities.Gate, module.Beta},
		{gateways.Gate, module.Beta},
		{tenancy.GateIsolationModels, module.Alpha},
	}
}

// names are the names of all feature gates, sorted.
func names() []string {
	var names []string
	for _, gate := range All() {
		names = append(names, gate.Name)
	}
	return names
}

// Check says which feature gates there are not.
func Check(gates map[string]bool) error {
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no feature gate %q: use some of %s", name, strings.Join(names(), ", "))
		}
	}
	return nil
}

// With are all gates, as they are by default and as somebody said otherwise.
func With(said map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, gate := range All() {
		all[gate.Name] = gate.Open()
	}
	maps.Copy(all, said)
	return all
}

// Others are the gates that are not as they are by default, sorted, as the
// flag --feature-gates has them.
func Others(gates map[string]bool) []string {
	var other []string
	for _, gate := range All() {
		if open, said := gates[gate.Name]; said && open != gate.Open() {
			other = append(other, fmt.Sprintf("%s=%t", gate.Name, open))
		}
	}
	return other
}

// marks are cluster roles that an installation has where a gate is open.
var marks = map[string]string{gateways.Gate: "roadbed:gateway", capabilities.Gate: "roadbed:capabilities"}

// Mark names a cluster role that an installation has where the gate is open;
// empty for gates that add nothing to it.
func Mark(gate string) string { return marks[gate] }

// Here are the gates as this cluster can have them. A domain that was not
// installed, such as by an earlier version, or whose kinds somebody else serves in
// versions that it does not read, is left out and said so: everything else works.
func Here(ctx context.Context, c client.Client, said map[string]bool, log *slog.Logger) (map[string]bool, error) {
	gates := maps.Clone(said)
	for _, gate := range []string{capabilities.Gate, gateways.Gate} {
		if !gates[gate] {
			continue
		}
		lacks, err := lackedBy(ctx, c, gate)
		if err != nil {
			return nil, err
		}
		if gates[gate] = lacks == ""; lacks != "" {
			log.ErrorContext(ctx, "what is behind a feature gate is left out", "gate", gate, "reason", lacks)
		}
	}
	return gates, nil
}

// lackedBy says what the cluster lacks for what is behind a gate, and what to do;
// empty for nothing.
func lackedBy(ctx context.Context, c client.Client, gate string) (string, error) {
	err := c.Get(ctx, client.ObjectKey{Name: marks[gate]}, &rbacv1.ClusterRole{})
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
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), gatewayapi.Install(scheme), gatewayv1alpha1.AddToScheme(scheme), capabilityv1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("register the kinds of gateways: %w", err)
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
