// Package guards holds the rule about roles of claims that Kubernetes itself
// enforces: nobody but Roadbed makes a cluster role part of the tenants' roles.
//
// It holds while Roadbed is down, and refuses when it cannot decide. The package
// is pure; the composition root installs what it returns.
package guards

import (
	"embed"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

//go:embed *.yaml
var sources embed.FS

// Objects are the guard's policy and its binding, the caller's own copies.
//
// It panics when the embedded source is malformed, which the package's tests
// rule out.
func Objects() []client.Object {
	return apply.Shipped{Sources: sources, Kinds: runtime.NewSchemeBuilder(admissionv1.AddToScheme)}.Objects("tenant-roles.yaml")
}
