// Package guards holds the rules about overrides that Kubernetes itself
// enforces, as native admission policies written in YAML: who asks is who it
// says, nobody approves his own override, none names a Mandatory policy or
// outlasts its tier, and Roadbed alone writes the ledger.
//
// They hold while Roadbed is down, and refuse when they cannot decide. The
// package is pure; the composition root installs what it returns.
package guards

import (
	"embed"
	"text/template"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

//go:embed *.yaml
var sources embed.FS

// Ledger is the guard of the ledger: a policy and its binding. It takes no
// parameter, so it can be given to the API server as a file.
func Ledger() []client.Object { return read("override-ledger.yaml") }

// Rules are the other guards: policies and their bindings.
func Rules() []client.Object {
	return read("override-identity.yaml", "override-request.yaml", "override-approval.yaml")
}

// Objects are all guards. As all that this package returns, the objects are the
// caller's own copies.
func Objects() []client.Object { return append(Ledger(), Rules()...) }

func read(names ...string) []client.Object {
	return apply.Shipped{
		Sources: sources, Kinds: runtime.NewSchemeBuilder(admissionregistrationv1.AddToScheme),
		Funcs: template.FuncMap{
			"roadbed": func() string { return identity.Roadbed },
			"system":  func() string { return identity.SystemNamespace },
		},
	}.Objects(names...)
}
