package apply_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	objects, err := apply.Decode(scheme.Scheme, "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, is := objects[0].(*corev1.Namespace); len(objects) != 2 || !is || objects[1].GetName() != "b" {
		t.Errorf("decoded %v", objects)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, source, want string
		scheme             *runtime.Scheme
	}{
		{"no YAML", "a: [", "read kind", scheme.Scheme},
		{"no kind", "metadata: {name: a}", `kind "" of ""`, scheme.Scheme},
		{"a kind that has no place here", "apiVersion: v1\nkind: ConfigMap", "not expected here", runtime.NewScheme()},
		{"a list", "apiVersion: v1\nkind: ConfigMapList", "is a list", scheme.Scheme},
		{"an unknown field", "apiVersion: v1\nkind: ConfigMap\ndate: {a: b}", `unknown field "date"`, scheme.Scheme},
		{"a field twice", "apiVersion: v1\nkind: ConfigMap\nkind: ConfigMap", "already set", scheme.Scheme},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := apply.Decode(test.scheme, test.source); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want it to say %q", err, test.want)
			}
		})
	}
}
