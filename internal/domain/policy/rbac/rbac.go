package rbac

import (
	_ "embed" // for the sources
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

var (
	//go:embed policies.yaml
	source string
	//go:embed reports.yaml
	reports string
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
	scheme := runtime.NewScheme()
	utilruntime.Must(rbacv1.AddToScheme(scheme))
	objects, err := apply.Decode(scheme, source+"---\n"+reports)
	if err != nil {
		panic(fmt.Sprintf("embedded roles: %v", err))
	}
	return objects
}
