package rbac

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
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
	var objects []client.Object
	for _, file := range files {
		found, err := load(file)
		if err != nil {
			panic(fmt.Sprintf("embedded roles %q: %v", file, err))
		}
		objects = append(objects, found...)
	}
	return objects
}

func load(file string) ([]client.Object, error) {
	t, err := template.ParseFS(sources, file)
	if err != nil {
		return nil, err
	}
	var source strings.Builder
	if err := t.Execute(&source, nil); err != nil {
		return nil, err
	}
	return apply.DecodeFile(kinds(), file, source.String())
}

// kinds are what a role's source may hold: roles, bindings, and whom they are for.
func kinds() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(rbacv1.AddToScheme(scheme))
	utilruntime.Must(corev1.AddToScheme(scheme))
	return scheme
}
