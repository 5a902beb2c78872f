package load_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// TestLoad reads and compiles the files of an archive; its file "outcome" is
// what was read, what it compiles to, and what is wrong.
func TestLoad(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "outcome" })
		var out bytes.Buffer
		var documents []load.Document
		for _, file := range archive.Files {
			read, problems := load.Parse(file.Name, file.Data)
			for _, problem := range problems {
				fmt.Fprintln(&out, tell(problem))
			}
			documents = append(documents, read...)
		}
		for _, d := range documents {
			object, _ := d.Object.(client.Object)
			fmt.Fprintf(&out, "%s:%d: %T %s %q\n", d.File, d.Line, d.Object, d.Object.GetObjectKind().GroupVersionKind().Version, client.ObjectKeyFromObject(object))
		}
		compiled, problems := load.Compile(documents, load.Standard(load.Options{}))
		for _, problem := range problems {
			fmt.Fprintln(&out, tell(problem))
		}
		for _, evaluator := range compiled {
			info := evaluator.Info()
			fmt.Fprintf(&out, "%s %s: %s, %s\n", info.Kind, info.Name, info.Tier, info.Lane)
		}
		archive.Files = append(archive.Files, txtar.File{Name: "outcome", Data: out.Bytes()})
		return archive
	})
}

func tell(p load.Problem) string {
	switch {
	case p.Unsupported:
		return "unsupported: " + p.String()
	case p.Foreign:
		return "foreign: " + p.String()
	}
	return "wrong: " + p.String()
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, generate: {}}]}\n"))
	f.Add([]byte("kind: List\napiVersion: v1\nitems:\n- {apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: p}, spec: {validations: [{expression: 'true'}]}}\n"))
	f.Add([]byte(`{"apiVersion":"kyverno.io/v2","kind":"PolicyException","metadata":{"name":"e"},"spec":{"match":{},"exceptions":[]}}`))
	f.Add([]byte("apiVersion: admissionregistration.k8s.io/v1beta1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\nspec: {}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		documents, problems := load.Parse("f", data)
		_, more := load.Compile(documents, load.Standard(load.Options{}))
		for _, problem := range append(problems, more...) {
			if problem.Line < 1 || problem.Message == "" {
				t.Errorf("a problem without a line or a message: %#v", problem)
			}
		}
	})
}
