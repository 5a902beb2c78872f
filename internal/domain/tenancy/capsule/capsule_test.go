package capsule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

var defaults = Defaults{
	BusinessUnit: "energy", Tier: "tier-2", CostCenter: "cc-1", Owner: "team-energy", Jurisdictions: []string{"eu"},
}

func TestImport(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		tenants, lost, err := Import(golden.File(t, archive, "in.yaml"), defaults)
		if err != nil {
			t.Fatal(err)
		}
		var out, report strings.Builder
		for i, tenant := range tenants {
			if i > 0 {
				out.WriteString("---\n")
			}
			out.WriteString(written(t, tenant))
		}
		for _, u := range lost {
			fmt.Fprintln(&report, u)
		}
		golden.SetFile(archive, "out.yaml", []byte(out.String()))
		golden.SetFile(archive, "untranslated.txt", []byte(report.String()))
		return archive
	})
}

// written is an object's YAML without what is empty in it.
func written(t *testing.T, object any) string {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var fields tree
	if err := yaml.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "status")
	spec := child(fields, "spec")
	for field, value := range spec {
		if empty(value) {
			delete(spec, field)
		}
	}
	text, err = yaml.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNothingIsDroppedSilently puts a field that nobody knows into every object
// of a Tenant's spec, one at a time, and looks for it in the report.
func TestNothingIsDroppedSilently(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/oil.txtar")
	if err != nil {
		t.Fatal(err)
	}
	in := golden.File(t, archive, "in.yaml")
	places := 0
	for n := 0; ; n++ {
		path, text := strange(t, in, n)
		if path == "" {
			break
		}
		places++
		_, lost, err := Import(text, defaults)
		if err != nil {
			t.Fatal(err)
		}
		reported := slices.ContainsFunc(lost, func(u Untranslated) bool { return strings.HasPrefix(path, u.Path) })
		if !reported {
			t.Errorf("%s is dropped silently", path)
		}
	}
	if places < 30 {
		t.Errorf("tried %d places, want at least 30", places)
	}
}

// strange adds a field to the n-th object of the first Tenant's spec, and says
// where; nowhere if there are fewer.
func strange(t *testing.T, text []byte, n int) (path string, changed []byte) {
	t.Helper()
	var list tree
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	spec := list["items"].([]any)[0].(tree)["spec"].(tree)
	var objects []part
	var collect func(path string, value any)
	collect = func(path string, value any) {
		if _, ok := value.(tree); ok {
			objects = append(objects, part{path, value})
		}
		for _, p := range parts(value) {
			collect(path+p.key, p.value)
		}
	}
	collect("spec", spec)
	if n >= len(objects) {
		return "", nil
	}
	objects[n].value.(tree)["strange"] = "thing"
	changed, err := yaml.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return objects[n].key + ".strange", changed
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"malformed YAML":     "a: [",
		"a text":             "hello",
		"items of a text":    "kind: List\nitems: hello",
		"items without kind": "kind: List\nitems: [hello]",
	} {
		tenants, lost, err := Import([]byte(text), defaults)
		if err == nil || len(tenants)+len(lost) > 0 {
			t.Errorf("%s: %d tenants, %d reports, error %v; want an error alone", name, len(tenants), len(lost), err)
		}
	}
}

// FuzzImport looks for panics, and for Tenants that vanish: each object of a
// text becomes a tenant or a report.
func FuzzImport(f *testing.F) {
	for _, path := range []string{"testdata/oil.txtar", "testdata/namespace-scope.txtar"} {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(golden.File(f, archive, "in.yaml"))
	}
	f.Add([]byte("apiVersion: capsule.clastix.io/v1beta2\nkind: Tenant\nmetadata: 3\nspec: [{}]\nstatus: x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tenants, lost, err := Import(text, defaults)
		if err != nil {
			return
		}
		objects, err := documents(text)
		if err != nil {
			t.Fatal(err)
		}
		foreign := map[string]int{}
		for _, u := range lost {
			if u.Path == "kind" {
				foreign[u.Tenant]++
			}
		}
		vanished := len(objects) - len(tenants)
		for _, n := range slices.Collect(maps.Values(foreign)) {
			vanished -= n
		}
		if vanished != 0 {
			t.Fatalf("%d of %d objects vanished", vanished, len(objects))
		}
	})
}
