package catalogue_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
)

// examples are what testdata says of one policy.
type examples struct {
	entry catalogue.Entry
	// namespace is what they live in.
	namespace *unstructured.Unstructured
	// world is what is there beforehand.
	world []*unstructured.Unstructured
	// good and bad objects by name; changed ones with what comes of them.
	cases []example
}

type example struct {
	name   string
	object *unstructured.Unstructured
	// refused is part of the refusal of a bad object; empty for a good one.
	refused string
	// resources are what a changed Pod's containers end with; nil for others.
	resources map[string]any
}

// read returns the examples of a file. Each file has a namespace of its own.
func read(t *testing.T, file string) examples {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	base := strings.TrimSuffix(filepath.Base(file), ".txtar")
	name, _, _ := strings.Cut(base, ".")
	found := examples{namespace: place()}
	for _, entry := range catalogue.All() {
		if entry.Name == name {
			found.entry = entry
		}
	}
	if found.entry.Name == "" {
		t.Fatalf("%s: the catalogue has no policy %q", file, name)
	}
	for _, f := range archive.Files {
		data := bytes.ReplaceAll(f.Data, []byte("NAMESPACE"), []byte("catalogue-"+strings.ReplaceAll(base, ".", "-")))
		found.add(t, f.Name, data)
	}
	found.namespace.SetName("catalogue-" + strings.ReplaceAll(base, ".", "-"))
	return found
}

func place() *unstructured.Unstructured {
	namespace := &unstructured.Unstructured{}
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	namespace.SetLabels(map[string]string{"tenancy.roadbed.dev/tenant": "example"})
	return namespace
}

func (e *examples) add(t *testing.T, file string, data []byte) {
	t.Helper()
	folder, name, _ := strings.Cut(strings.TrimSuffix(file, ".yaml"), "/")
	if folder == "want" {
		var resources map[string]any
		if err := yaml.Unmarshal(data, &resources); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i := range e.cases {
			if e.cases[i].name == "changed "+name {
				e.cases[i].resources = resources
			}
		}
		return
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(data, &object.Object); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	switch folder {
	case "namespace":
		e.namespace = object
	case "world":
		e.world = append(e.world, object)
	case "good", "changed":
		e.cases = append(e.cases, example{name: folder + " " + name, object: object})
	case "bad":
		first, _, _ := strings.Cut(string(data), "\n")
		refused, ok := strings.CutPrefix(first, "# refused: ")
		if !ok || refused == "" {
			t.Fatalf("%s does not begin with a comment that says by what it is refused", file)
		}
		e.cases = append(e.cases, example{name: "bad " + name, object: object, refused: refused})
	default:
		t.Fatalf("%s is in no folder that the test knows", file)
	}
}

// check compares what an example says with what happened to it.
func (e example) check(said string) error {
	switch {
	case e.refused == "" && said != "":
		return fmt.Errorf("it is refused: %s", said)
	case e.refused != "" && said == "":
		return fmt.Errorf("it passes, want it refused by %q", e.refused)
	case !strings.Contains(said, e.refused):
		return fmt.Errorf("it is refused by %q, want %q", said, e.refused)
	}
	return nil
}

func files(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(found) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	return found
}
