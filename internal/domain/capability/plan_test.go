package capability_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/schema"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// read returns the Capability of a golden file.
func read(t *testing.T, archive *txtar.Archive) *v1alpha1.Capability {
	t.Helper()
	for _, file := range archive.Files {
		if file.Name == "capability.yaml" {
			var c v1alpha1.Capability
			if err := yaml.UnmarshalStrict(file.Data, &c); err != nil {
				t.Fatal(err)
			}
			return &c
		}
	}
	t.Fatal("the archive has no capability.yaml")
	return nil
}

func TestPlan(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/plan/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		c := read(t, archive)
		made := &txtar.Archive{Comment: archive.Comment, Files: slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool { return f.Name != "capability.yaml" })}
		if errs := capability.Validate(c); len(errs) > 0 {
			made.Files = append(made.Files, txtar.File{Name: "refused.txt", Data: lines(errs)})
			return made
		}
		url := "https://127.0.0.1:9443" + capability.ConversionPath
		planned, err := capability.Plan(c, capability.Settings{}, capability.World{
			Webhook: &apiextensionsv1.WebhookClientConfig{URL: &url}, Gateway: true, Sloth: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		add := func(name string, value any) {
			text, err := yaml.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			made.Files = append(made.Files, txtar.File{Name: name, Data: text})
		}
		add("definition.yaml", planned.Definition)
		for _, obj := range planned.Objects()[:len(planned.Objects())-1] {
			add(strings.ToLower(obj.GetObjectKind().GroupVersionKind().Kind)+"-"+strings.ReplaceAll(obj.GetName(), ":", "-")+".yaml", obj)
		}
		for _, key := range slices.Sorted(keys(planned.Documents.Data)) {
			made.Files = append(made.Files, txtar.File{Name: key, Data: []byte(planned.Documents.Data[key])})
		}
		return made
	})
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func lines(errs field.ErrorList) []byte {
	var text strings.Builder
	for _, err := range errs {
		text.WriteString(err.Error() + "\n")
	}
	return []byte(text.String())
}

func TestPlanWithoutWebhookRefusesVersionsThatDiffer(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join("testdata", "plan", "database.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	c := read(t, txtar.Parse(source))
	if _, err := capability.Plan(c, capability.Settings{}, capability.World{}); err == nil || !strings.Contains(err.Error(), "serve one version") {
		t.Errorf("Plan() = %v, want to be told that there is no webhook", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"type":"string","pattern":"^[a-z]{3}$"}}}`))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		v := v1alpha1.CapabilityVersion{Name: "v1"}
		v.Schema.Spec.Raw = raw
		props, err := schema.Decode(&v.Schema.Spec)
		if err == nil {
			schema.Samples(props, 3)
			schema.Fields("spec", props)
		}
	})
}
