package apptest

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Object is one object as YAML has it.
type Object map[string]any

// Name is the object's kind and name.
func (o Object) Name() string {
	metadata, _ := o["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	kind, _ := o["kind"].(string)
	return kind + "/" + name
}

// Objects reads the documents of a YAML stream, by kind and name.
func Objects(t testing.TB, text []byte) map[string]Object {
	t.Helper()
	found := map[string]Object{}
	for part := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		var o Object
		if err := yaml.Unmarshal([]byte(part), &o); err != nil {
			t.Fatalf("%v in:\n%s", err, part)
		}
		if len(o) > 0 {
			found[o.Name()] = o
		}
	}
	return found
}
