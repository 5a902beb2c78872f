package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// TestDocuments reads each case's in.yaml and shows what came of it: the objects
// or every mistake with its line.
func TestDocuments(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/documents/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		var out bytes.Buffer
		documents, err := Parse(Scheme(), "in.yaml", golden.File(t, archive, "in.yaml"))
		if err = errors.Join(err, repeated(documents)); err != nil {
			documents = nil
			fmt.Fprintln(&out, err)
		}
		for _, d := range documents {
			fmt.Fprintf(&out, "line %d: %s\n", yamldoc.LineOf(d.node, ""), Title(d.Object))
		}
		golden.SetFile(archive, "out", out.Bytes())
		return archive
	})
}

func FuzzParseDocuments(f *testing.F) {
	f.Add("apiVersion: tenancy.roadbed.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}\nspec: {quota: {pods: 1}}\n", "spec.quota[pods]")
	f.Add("a: &a [*a]\n", "a[0]")
	f.Add("---\n---\n- x\n", "[0]")
	f.Add("kind: Tenant\napiVersion: v1\n<<: {x: y}\n", "x")
	scheme := Scheme()
	f.Fuzz(func(t *testing.T, text, path string) {
		documents, err := Parse(scheme, "in.yaml", []byte(text))
		if err != nil && !strings.Contains(err.Error(), "in.yaml") {
			t.Errorf("error %q does not name the file", err)
		}
		for _, d := range documents {
			if line := yamldoc.LineOf(d.node, path); line < 1 || line > strings.Count(text, "\n")+1 {
				t.Errorf("line %d of %q is not in the text", line, path)
			}
		}
	})
}
