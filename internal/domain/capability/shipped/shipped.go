// Package shipped holds the Capabilities that Roadbed brings along: databases,
// object buckets and environments, which Roadbed itself provides, and templates
// for CloudNativePG and Crossplane, which need those in the cluster.
//
// The first three are installed with the platform, where capabilities are
// switched on; the others are examples to be changed and published.
//
// What always holds: each decodes strictly, is accepted by the API server, and
// is what a platform team could have written itself.
package shipped

import (
	"embed"
	"fmt"
	"path"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

//go:embed capabilities/*.yaml
var files embed.FS

// Installed are those that need nothing but Roadbed, so that they are there from
// the start.
func Installed() ([]*v1alpha1.Capability, error) {
	all, err := Capabilities()
	return slices.DeleteFunc(all, func(c *v1alpha1.Capability) bool {
		return slices.ContainsFunc(c.Spec.Versions, func(v v1alpha1.CapabilityVersion) bool { return v.Provisioner.Type != v1alpha1.ProvisionerBuiltin })
	}), err
}

// Text is a capability as it was written, with its comments; nil when there is
// none of that name.
func Text(name string) []byte {
	text, err := files.ReadFile(path.Join("capabilities", name+".yaml"))
	if err != nil {
		return nil
	}
	return text
}

// Capabilities are all that Roadbed brings along, sorted by name of their file.
func Capabilities() ([]*v1alpha1.Capability, error) {
	entries, err := files.ReadDir("capabilities")
	if err != nil {
		return nil, fmt.Errorf("list the shipped capabilities: %w", err)
	}
	found := make([]*v1alpha1.Capability, 0, len(entries))
	for _, entry := range entries {
		text, err := files.ReadFile(path.Join("capabilities", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the shipped capability %q: %w", entry.Name(), err)
		}
		made := &v1alpha1.Capability{}
		if err := yaml.UnmarshalStrict(text, made); err != nil {
			return nil, fmt.Errorf("the shipped capability %q: %w", entry.Name(), err)
		}
		found = append(found, made)
	}
	return found, nil
}
