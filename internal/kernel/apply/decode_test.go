package apply_test

import (
	"slices"
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

// An error names the file, the line and the field, says what to do, and nothing
// of the library that found it.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	small := runtime.NewScheme()
	small.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Secret{}, &corev1.Namespace{}, &corev1.SecretList{})
	const first = "apiVersion: v1\nkind: Secret\n---\n"
	for _, test := range []struct{ name, source, want string }{
		{"no YAML", first + "a: [", "roles.yaml:4: malformed YAML: did not find expected node content"},
		{"no kind", first + "metadata: {name: a}", "roles.yaml:4: this is no object: begin it with apiVersion and kind"},
		{
			"a kind that has no place here", first + "apiVersion: v1\nkind: ConfigMap",
			`roles.yaml:5: kind "ConfigMap" of "v1" is not expected here: use one of Namespace, Secret`,
		},
		{"a list", "apiVersion: v1\nkind: SecretList", `roles.yaml:2: kind "SecretList" is a list or an option, not an object: give objects one by one`},
		{
			"an unknown field, deep down", first + "apiVersion: v1\nkind: Namespace\nspec:\n  finaliser: [a]",
			`roles.yaml:7: unknown field "spec.finaliser": correct its name or take it out`,
		},
		{"a value of the wrong type", "apiVersion: v1\nkind: Secret\nimmutable: 7", "roles.yaml:3: immutable: must be true or false, not a number"},
		{"a field twice", "apiVersion: v1\nkind: Secret\nkind: Secret", `roles.yaml:3: malformed YAML: key "kind" already set in map`},
		{
			"two mistakes", "apiVersion: v1\nkind: Secret\ndate: {}\n---\nkind: x",
			"roles.yaml:5: this is no object: begin it with apiVersion and kind\nroles.yaml:3: unknown field \"date\": correct its name or take it out",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := apply.DecodeFile(small, "roles.yaml", test.source)
			if err == nil || sorted(err.Error()) != sorted(test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func sorted(lines string) string {
	each := strings.Split(lines, "\n")
	slices.Sort(each)
	return strings.Join(each, "\n")
}
