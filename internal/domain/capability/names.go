package capability

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// Group is the API group of the claims.
func Group(c *v1alpha1.Capability) string { return cmp.Or(c.Spec.Group, v1alpha1.ClaimsGroup) }

// Kind is the claims' kind in a version.
func Kind(c *v1alpha1.Capability, version string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: Group(c), Version: version, Kind: c.Spec.Names.Kind}
}

// Resource is the claims' resource in a version.
func Resource(c *v1alpha1.Capability, version string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: Group(c), Version: version, Resource: c.Spec.Names.Plural}
}

// Definition is the name of the CustomResourceDefinition.
func Definition(c *v1alpha1.Capability) string { return c.Spec.Names.Plural + "." + Group(c) }

// API is the name in paths of the HTTP API.
func API(c *v1alpha1.Capability) string { return cmp.Or(c.Spec.API, c.Spec.Names.Plural) }

// Path is where a version is in the HTTP API.
func Path(c *v1alpha1.Capability, version string) string { return "/" + version + "/" + API(c) }

// DocsPath is where the docs page is in the HTTP API.
func DocsPath(c *v1alpha1.Capability) string { return "/docs/" + API(c) }

// Title is the name that people use.
func Title(c *v1alpha1.Capability) string { return cmp.Or(c.Spec.DisplayName, c.Spec.Names.Kind) }

// Singular is the singular name of the kind.
func Singular(c *v1alpha1.Capability) string {
	return cmp.Or(c.Spec.Names.Singular, strings.ToLower(c.Spec.Names.Kind))
}

// Version returns the version of that name, or nil. It points into c.
func Version(c *v1alpha1.Capability, name string) *v1alpha1.CapabilityVersion {
	for i := range c.Spec.Versions {
		if c.Spec.Versions[i].Name == name {
			return &c.Spec.Versions[i]
		}
	}
	return nil
}

// Storage is the version that claims are stored in, or nil. It points into c.
func Storage(c *v1alpha1.Capability) *v1alpha1.CapabilityVersion {
	for i := range c.Spec.Versions {
		if c.Spec.Versions[i].Storage {
			return &c.Spec.Versions[i]
		}
	}
	return nil
}

// Served says whether the API server and the gateway serve a version.
func Served(v *v1alpha1.CapabilityVersion) bool {
	return v.Stage != v1alpha1.StageRemoved && (v.Served == nil || *v.Served)
}

// Living are the versions that are not removed. They point into c.
func Living(c *v1alpha1.Capability) []*v1alpha1.CapabilityVersion {
	return selected(c, func(v *v1alpha1.CapabilityVersion) bool { return v.Stage != v1alpha1.StageRemoved })
}

// ServedVersions are the versions that are served. They point into c.
func ServedVersions(c *v1alpha1.Capability) []*v1alpha1.CapabilityVersion {
	return selected(c, Served)
}

func selected(c *v1alpha1.Capability, wanted func(*v1alpha1.CapabilityVersion) bool) []*v1alpha1.CapabilityVersion {
	var found []*v1alpha1.CapabilityVersion
	for i := range c.Spec.Versions {
		if wanted(&c.Spec.Versions[i]) {
			found = append(found, &c.Spec.Versions[i])
		}
	}
	return found
}

// VersionStatus returns what the status says of a version, or nil. It points
// into c.
func VersionStatus(c *v1alpha1.Capability, name string) *v1alpha1.CapabilityVersionStatus {
	for i := range c.Status.Versions {
		if c.Status.Versions[i].Name == name {
			return &c.Status.Versions[i]
		}
	}
	return nil
}

// labels are on everything that is made for a Capability.
func labels(c *v1alpha1.Capability) map[string]string {
	return map[string]string{
		tenancyv1alpha1.LabelManagedBy: tenancyv1alpha1.ManagedBy,
		v1alpha1.LabelCapability:       c.Name,
		v1alpha1.LabelPublished:        "true",
	}
}

// meta is the metadata of something that is made for a Capability.
func meta(c *v1alpha1.Capability, namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels(c)}
}

// ContractHash tells one contract of a version from another.
func ContractHash(v *v1alpha1.CapabilityVersion) (string, error) {
	props, err := ClaimSchema(v)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal([]any{props, v.Connection.SecretKeys})
	if err != nil {
		return "", fmt.Errorf("encode the contract of version %q: %w", v.Name, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}
