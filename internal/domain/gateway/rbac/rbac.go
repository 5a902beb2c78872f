package rbac

import (
	"embed"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

//go:embed *.yaml
var sources embed.FS

// Objects returns the roles and bindings, in an order in which they can be
// created. The objects are the caller's own copies.
//
// It panics when the embedded source is malformed, which the package's tests
// rule out.
func Objects() []client.Object {
	return apply.Shipped{Sources: sources, Kinds: runtime.NewSchemeBuilder(rbacv1.AddToScheme)}.Objects("gateway.yaml")
}
