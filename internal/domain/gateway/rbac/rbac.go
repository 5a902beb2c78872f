package rbac

import (
	"embed"
	"text/template"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

const (
	// Reads is the role, in the namespaces of what Gateways and policies refer to,
	// by which that is read.
	Reads = "roadbed:gateway-reads"
	// Keys is the role, in the namespaces of Subscriptions, by which their Secrets
	// are read and changed.
	Keys = "roadbed:gateway-keys"
	// Label is on both, so that they are found again.
	Label = "gateway.roadbed.dev/grant"
	// Process is who serves and leads nobody, as the API server names it.
	Process = "system:serviceaccount:roadbed-system:roadbed-gateway"
)

//go:embed *.yaml
var sources embed.FS

// Objects returns the roles and bindings, in an order in which they can be
// created. The objects are the caller's own copies.
//
// It panics when the embedded source is malformed, which the package's tests
// rule out.
func Objects() []client.Object {
	return read("gateway.yaml")
}

// ProcessObjects returns the account of processes that only serve, and its rights,
// as Objects does.
func ProcessObjects() []client.Object { return read("process.yaml") }

// Guards returns the native rules that bound Objects' rights to write roles and
// Secrets, as Objects does.
func Guards() []client.Object { return read("guards.yaml") }

func read(name string) []client.Object {
	return apply.Shipped{
		Sources: sources,
		Kinds:   runtime.NewSchemeBuilder(rbacv1.AddToScheme, corev1.AddToScheme, admissionv1.AddToScheme),
		Funcs: template.FuncMap{
			"roadbed": func() string { return identity.Roadbed },
			"process": func() string { return Process },
			"system":  func() string { return identity.SystemNamespace },
			"reads":   func() string { return Reads },
			"keys":    func() string { return Keys },
		},
	}.Objects(name)
}
