package rbac

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
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
	var objects []client.Object
	for document := range strings.SplitSeq(source.String(), "\n---\n") {
		object, err := parse([]byte(document))
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// parse decodes one document into its type; unknown fields are errors.
func parse(document []byte) (client.Object, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, fmt.Errorf("read kind: %w", err)
	}
	object, err := empty(head.Kind)
	if err != nil {
		return nil, err
	}
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		return nil, fmt.Errorf("read %s: %w", head.Kind, err)
	}
	return object, nil
}

func empty(kind string) (client.Object, error) {
	switch kind {
	case "Namespace":
		return &corev1.Namespace{}, nil
	case "ServiceAccount":
		return &corev1.ServiceAccount{}, nil
	case "ClusterRole":
		return &rbacv1.ClusterRole{}, nil
	case "ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}, nil
	case "Role":
		return &rbacv1.Role{}, nil
	case "RoleBinding":
		return &rbacv1.RoleBinding{}, nil
	default:
		return nil, fmt.Errorf("kind %q is not a role, a binding, or whom it is for", kind)
	}
}
