package apply_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"text/template"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

func TestShipped(t *testing.T) {
	t.Parallel()
	role := "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: '{{ who }}'}\n"
	shipped := apply.Shipped{
		Sources: fstest.MapFS{
			"one.yaml":   {Data: []byte(role)},
			"two.yaml":   {Data: []byte(role + "---\n" + role)},
			"other.yaml": {Data: []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n")},
			"typo.yaml":  {Data: []byte(role + "ruels: []\n")},
			"open.yaml":  {Data: []byte("{{ nobody }}")},
		},
		Kinds: runtime.NewSchemeBuilder(rbacv1.AddToScheme),
		Funcs: template.FuncMap{"who": func() string { return "roadbed" }},
	}
	objects := shipped.Objects("two.yaml", "one.yaml")
	if len(objects) != 3 || objects[0].GetName() != "roadbed" {
		t.Errorf("objects %v", objects)
	}
	for _, name := range []string{"other.yaml", "typo.yaml", "open.yaml", "absent.yaml"} {
		if said := panics(func() { shipped.Objects(name) }); !strings.Contains(said, name) {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// panics returns what f panics with, or "".
func panics(f func()) (said string) {
	defer func() { said, _ = recover().(string) }()
	f()
	return ""
}
