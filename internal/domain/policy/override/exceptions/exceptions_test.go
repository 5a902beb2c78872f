package exceptions_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov2 "github.com/roadbed-dev/roadbed/api/kyverno/v2"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/exceptions"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

var options = exceptions.Options{Ticket: "CHG-7", ExpiresAt: time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)}

func TestImport(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		golden.SetFile(archive, "overrides.yaml", render(t, load(t, golden.File(t, archive, "exception.yaml"))))
		return archive
	})
}

func load(t testing.TB, source []byte) exceptions.Import {
	t.Helper()
	if bytes.Contains(source, []byte("apiVersion: policies.kyverno.io/")) {
		e := &policiesv1.PolicyException{}
		if err := yaml.UnmarshalStrict(source, e); err != nil {
			t.Fatal(err)
		}
		return exceptions.CEL(e, options)
	}
	e := &kyvernov2.PolicyException{}
	if err := yaml.UnmarshalStrict(source, e); err != nil {
		t.Fatal(err)
	}
	return exceptions.Legacy(e, options)
}

func render(t testing.TB, made exceptions.Import) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, sentence := range made.Untranslated {
		fmt.Fprintf(&out, "# %s\n", sentence)
	}
	for _, o := range made.Overrides {
		document, err := yaml.Marshal(map[string]any{"namespace": o.Namespace, "name": o.Name, "spec": o.Spec})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "---\n%s", document)
	}
	return out.Bytes()
}

func TestLongNamesAndReasonsAreCut(t *testing.T) {
	t.Parallel()
	e := &policiesv1.PolicyException{}
	e.Name = strings.Repeat("n", 200)
	e.Spec.PolicyRefs = []policiesv1.PolicyRef{{Name: "p", Kind: "ValidatingPolicy"}}
	e.Spec.Properties = map[string]string{"reason": strings.Repeat("é", 2000)}
	made := exceptions.CEL(e, options).Overrides[0]
	if len(made.Name) != 63 || len(made.Spec.Justification) > 2048 || !utf8.ValidString(made.Spec.Justification) {
		t.Errorf("name of %d bytes, justification of %d", len(made.Name), len(made.Spec.Justification))
	}
}
