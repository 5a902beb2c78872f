package rbac

import (
	"embed"
	"io/fs"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

//go:embed *.yaml
var sources embed.FS

// Objects returns every role and binding, and Roadbed's namespace and service
// account, in an order in which they can be created. The objects are the
// caller's own copies.
//
// It panics when an embedded source is malformed, which the package's tests
// rule out.
func Objects() []client.Object {
	files, err := fs.Glob(sources, "*.yaml")
	if err != nil {
		panic(err)
	}
	kinds := runtime.NewSchemeBuilder(rbacv1.AddToScheme, corev1.AddToScheme) // Roles, bindings, and whom they are for.
	return apply.Shipped{Sources: sources, Kinds: kinds}.Objects(files...)
}
