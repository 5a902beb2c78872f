package capabilities

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/shipped"
)

// Shipped are the capabilities that are there from the start. The objects are
// the caller's own copies.
//
// It panics when what is embedded is malformed, which the tests of the package
// that embeds it rule out.
func Shipped() []client.Object {
	all, err := shipped.Installed()
	if err != nil {
		panic(err)
	}
	objects := make([]client.Object, len(all))
	for i, each := range all {
		objects[i] = each
	}
	return objects
}
