package account

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

//go:embed *.yaml
var sources embed.FS

// Guards are the native rules: policies and their bindings. They take no
// parameter, so they can be given to the API server as files. As all that this
// package returns, the objects are the caller's own copies.
func Guards() []client.Object {
	return must("guard-namespace.yaml", "guard-bindings.yaml", "guard-roles.yaml")
}

// Objects are the accounts' namespace and the rights that Roadbed needs for
// claims, in the order in which they are made.
func Objects() []client.Object { return must("rights.yaml") }

// must panics when an embedded source is malformed, which the package's tests
// rule out.
func must(names ...string) []client.Object {
	var objects []client.Object
	for _, name := range names {
		found, err := load(name)
		if err != nil {
			panic(fmt.Sprintf("embedded source %q: %v", name, err))
		}
		objects = append(objects, found...)
	}
	return objects
}

func load(name string) ([]client.Object, error) {
	source, err := template.New(name).Funcs(template.FuncMap{
		"roadbed":         func() string { return identity.Roadbed },
		"place":           func() string { return Namespace },
		"prefix":          func() string { return RolePrefix },
		"closedGroups":    func() string { return literal(closedGroups) },
		"closedResources": func() string { return literal(closedResources) },
		"verbs":           func() string { return literal(usual) },
	}).ParseFS(sources, name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := source.Execute(&text, nil); err != nil {
		return nil, err
	}
	kinds := runtime.NewScheme()
	utilruntime.Must(admissionregistrationv1.AddToScheme(kinds))
	utilruntime.Must(rbacv1.AddToScheme(kinds))
	utilruntime.Must(corev1.AddToScheme(kinds))
	return apply.DecodeFile(kinds, name, text.String())
}

// literal renders words as a CEL list of strings.
func literal(words []string) string { return "['" + strings.Join(words, "', '") + "']" }
