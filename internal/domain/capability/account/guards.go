package account

import (
	"embed"
	"strings"
	"text/template"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
	return read("guard-namespace.yaml", "guard-bindings.yaml", "guard-roles.yaml")
}

// Objects are the accounts' namespace and the rights that Roadbed needs for
// claims, in the order in which they are made.
func Objects() []client.Object { return read("rights.yaml") }

func read(names ...string) []client.Object {
	return apply.Shipped{
		Sources: sources,
		Kinds:   runtime.NewSchemeBuilder(admissionregistrationv1.AddToScheme, rbacv1.AddToScheme, corev1.AddToScheme),
		Funcs: template.FuncMap{
			"roadbed":         func() string { return identity.Roadbed },
			"place":           func() string { return Namespace },
			"prefix":          func() string { return RolePrefix },
			"closedGroups":    func() string { return literal(closedGroups) },
			"closedResources": func() string { return literal(closedResources) },
			"verbs":           func() string { return literal(usual) },
		},
	}.Objects(names...)
}

// literal renders words as a CEL list of strings.
func literal(words []string) string { return "['" + strings.Join(words, "', '") + "']" }
