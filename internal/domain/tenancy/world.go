package tenancy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// Settings are the names and ranges of the platform's own places.
type Settings struct {
	// DNSNamespace is where cluster DNS runs.
	DNSNamespace string
	// IngressNamespace is where the platform's ingress proxies run.
	IngressNamespace string
	// ObservabilityNamespace is where collectors run: tenants may push to
	// them, and they may scrape tenants.
	ObservabilityNamespace string
	// ClusterCIDRs are the cluster's pod and service ranges. They are cut out
	// of every egress range a tenant declares, so that no range opens a way
	// to a neighbour's pods.
	ClusterCIDRs []string
	// Models are announced isolation models whose feature gate is on. A tenant
	// that names one is accepted by the API and told NotYetAvailable.
	Models []v1alpha1.IsolationModel
}

// DefaultSettings are the settings of a platform that changed none.
func DefaultSettings() Settings {
	return Settings{
		DNSNamespace:           "kube-system",
		IngressNamespace:       "platform-ingress",
		ObservabilityNamespace: "platform-observability",
	}
}

// WithDefaults fills in the names that are empty.
func (s Settings) WithDefaults() Settings {
	defaults := DefaultSettings()
	if s.DNSNamespace == "" {
		s.DNSNamespace = defaults.DNSNamespace
	}
	if s.IngressNamespace == "" {
		s.IngressNamespace = defaults.IngressNamespace
	}
	if s.ObservabilityNamespace == "" {
		s.ObservabilityNamespace = defaults.ObservabilityNamespace
	}
	return s
}

// protected are the namespaces that no tenant may adopt.
func (s Settings) protected() []string {
	return []string{
		"default", "kube-system", "kube-public", "kube-node-lease", "roadbed-system",
		s.DNSNamespace, s.IngressNamespace, s.ObservabilityNamespace,
	}
}

// World is what a decision about a tenant may know. It is read, never changed.
type World struct {
	// Tiers by name.
	Tiers map[string]*v1alpha1.Tier
	// Units are business units by name: at least the one in question and all
	// above it; PlanUnit needs those below it too.
	Units map[string]*v1alpha1.BusinessUnit
	// Settings of the platform.
	Settings Settings
	// Owner says whose namespace of this name is: the name of the tenant that
	// has or claims it, or "" if it exists and belongs to none. exists is
	// false if there is no such namespace and nobody claims it. A nil Owner
	// means that nothing is known, as without a cluster.
	Owner func(namespace string) (tenant string, exists bool)
}

// Tier returns the tenant's tier.
func (w World) Tier(t *v1alpha1.Tenant) (*v1alpha1.Tier, error) {
	if tier, ok := w.Tiers[t.Spec.Tier]; ok {
		return tier, nil
	}
	return nil, fmt.Errorf("tier %q of tenant %q does not exist", t.Spec.Tier, t.Name)
}

// Lineage is the business unit of that name and all above it, nearest first.
// Its errors are about the business unit that is missing or above itself.
func (w World) Lineage(name string) ([]*v1alpha1.BusinessUnit, error) {
	var line []*v1alpha1.BusinessUnit
	for seen := map[string]bool{}; name != ""; {
		unit, ok := w.Units[name]
		if !ok {
			return line, &UnknownUnitError{Name: name}
		}
		if seen[name] {
			return line, fmt.Errorf("business unit %q: %w", name, ErrCycle)
		}
		seen[name] = true
		line = append(line, unit)
		name = unit.Spec.Parent
	}
	return line, nil
}

// Descendants are the names of all business units below the one of that name,
// sorted.
func (w World) Descendants(name string) []string {
	var below []string
	for candidate := range w.Units {
		line, err := w.Lineage(candidate)
		if err != nil && !errors.As(err, new(*UnknownUnitError)) {
			continue
		}
		above := slices.ContainsFunc(line, func(u *v1alpha1.BusinessUnit) bool { return u.Name == name })
		if above && candidate != name {
			below = append(below, candidate)
		}
	}
	slices.Sort(below)
	return below
}

// ErrCycle means that a business unit is above itself.
var ErrCycle = errors.New("is above itself")

// UnknownUnitError means that a business unit does not exist.
type UnknownUnitError struct {
	// Name of the business unit.
	Name string
}

// Error names the business unit.
func (e *UnknownUnitError) Error() string {
	return fmt.Sprintf("business unit %q does not exist", e.Name)
}
