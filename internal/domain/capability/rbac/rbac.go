package rbac

import (
	_ "embed" // for the source
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

//go:embed capabilities.yaml
var source string

// Objects returns the roles and bindings, in an order in which they can be
// created. The objects are the caller's own copies.
//
// It panics when the embedded source is malformed, which the package's tests
// rule out.
func Objects() []client.Object {
	scheme := runtime.NewScheme()
	utilruntime.Must(rbacv1.AddToScheme(scheme))
	objects, err := apply.DecodeFile(scheme, "capabilities.yaml", source)
	if err != nil {
		panic(fmt.Sprintf("embedded roles: %v", err))
	}
	return objects
}
