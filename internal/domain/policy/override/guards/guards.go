// Package guards holds the rules about overrides that Kubernetes itself
// enforces, as native admission policies written in YAML: who asks is who it
// says, nobody approves his own override, none names a Mandatory policy or
// outlasts its tier, and Roadbed alone writes the ledger.
//
// They hold while Roadbed is down, and refuse when they cannot decide. The
// package is pure; the composition root installs what it returns.
package guards

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

//go:embed *.yaml
var sources embed.FS

// Ledger is the guard of the ledger: a policy and its binding. It takes no
// parameter, so it can be given to the API server as a file.
func Ledger() []client.Object { return must("override-ledger") }

// Rules are the other guards: policies and their bindings.
func Rules() []client.Object {
	return must("override-identity", "override-request", "override-approval")
}

// Objects are all guards. As all that this package returns, the objects are the
// caller's own copies.
func Objects() []client.Object { return append(Ledger(), Rules()...) }

// must panics when an embedded source is malformed, which the package's tests
// rule out.
func must(names ...string) []client.Object {
	var objects []client.Object
	for _, name := range names {
		found, err := load(name)
		if err != nil {
			panic(fmt.Sprintf("embedded guard %q: %v", name, err))
		}
		objects = append(objects, found...)
	}
	return objects
}

func load(name string) ([]client.Object, error) {
	source, err := template.New(name+".yaml").Funcs(template.FuncMap{
		"roadbed": func() string { return identity.Roadbed },
		"system":  func() string { return identity.SystemNamespace },
	}).ParseFS(sources, name+".yaml")
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := source.Execute(&text, nil); err != nil {
		return nil, err
	}
	kinds := runtime.NewScheme()
	utilruntime.Must(admissionregistrationv1.AddToScheme(kinds))
	return apply.Decode(kinds, text.String())
}
