package rbac

import (
	"embed"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

var (
	//go:embed policies.yaml reports.yaml
	sources embed.FS
	//go:embed own-writes.yaml
	ownWrites []byte
)

// OwnWrites is a file for the API server, in the form of package native's
// Static, which keeps Roadbed's server to the admission policies that it makes
// of policies.
func OwnWrites() (name string, data []byte) { return "roadbed-own-writes.yaml", ownWrites }

// Objects returns the roles and bindings, in an order in which they can be
// created. The objects are the caller's own copies.
//
// It panics when the embedded source is malformed, which the package's tests
// rule out.
func Objects() []client.Object {
	return apply.Shipped{Sources: sources, Kinds: runtime.NewSchemeBuilder(rbacv1.AddToScheme)}.Objects("policies.yaml", "reports.yaml")
}
