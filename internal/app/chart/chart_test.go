package chart_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/chart"
)

// The chart, rendered with its values, is what Manifests has by default, and so it is
// with a database and with feature gates open and closed. One thing differs: Helm takes all kinds there are.
func TestChartRendersTheSame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		database string
		gates    map[string]bool
	}{
		"defaults":     {"", map[string]bool{}},
		"database":     {"history", map[string]bool{}},
		"gateway":      {"", map[string]bool{"Capabilities": false}},
		"capabilities": {"", map[string]bool{"Gateway": false}},
		"all":          {"history", map[string]bool{"Gateway": true, "Capabilities": true}},
		"neither":      {"", map[string]bool{"Gateway": false, "Capabilities": false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chartRendersTheSame(t, test.database, test.gates)
		})
	}
}

// Helm keeps a release in a Secret, which holds at most 1 MiB: each file of the chart
// in base64, and what the templates became, compressed and in base64 again. A fifth is
// left for values and what people add.
func TestChartFitsARelease(t *testing.T) {
	t.Parallel()
	files, err := chart.Files()
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(base64.NewEncoder(base64.StdEncoding, &packed))
	var release struct {
		Files    []chart.File
		Manifest []string
	}
	for _, file := range files {
		if strings.HasPrefix(file.Path, "chart/") {
			release.Files = append(release.Files, file)
		}
		if strings.HasPrefix(file.Path, "chart/templates/") {
			release.Manifest = append(release.Manifest, string(file.Data))
		}
	}
	if err := errors.Join(json.NewEncoder(zip).Encode(release), zip.Close()); err != nil {
		t.Fatal(err)
	}
	if most := corev1.MaxSecretSize * 4 / 5; packed.Len() > most {
		t.Errorf("a release takes %d bytes, want at most %d", packed.Len(), most)
	}
}

// kindless are documents without the definitions of kinds, which are most of them and
// the same whatever the values.
func kindless(text []byte) []byte {
	var kept []string
	for part := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		if !strings.Contains(part, "\nkind: CustomResourceDefinition\n") {
			kept = append(kept, part)
		}
	}
	return []byte(strings.Join(kept, "\n---\n"))
}

func chartRendersTheSame(t *testing.T, database string, gates map[string]bool) {
	t.Helper()
	files, err := chart.Files()
	if err != nil {
		t.Fatal(err)
	}
	values := valued(t, files, gates)
	var rendered bytes.Buffer
	for _, file := range files {
		switch {
		case strings.HasPrefix(file.Path, "chart/crds/"):
			rendered.Write(file.Data)
		case strings.HasPrefix(file.Path, "chart/templates/"):
			rendered.WriteString("\n---\n" + renderChart(t, file, database, values))
		}
	}
	text, err := app.Manifests(app.InstallOptions{DatabaseSecret: database, FeatureGates: gates, GatewayReplicas: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(gates) > 0 || database != "" {
		text, rendered = kindless(text), *bytes.NewBuffer(kindless(rendered.Bytes()))
	}
	got, want := apptest.Objects(t, rendered.Bytes()), apptest.Objects(t, text)
	if !slices.Equal(names(got), names(want)) {
		t.Fatalf("the chart has %v, want %v", names(got), names(want))
	}
	for name := range want {
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("%s differs in the chart:\n%v\nwant:\n%v", name, got[name], want[name])
		}
	}
}

// valued are the chart's values of feature gates, with those that somebody sets.
func valued(t *testing.T, files []chart.File, gates map[string]bool) map[string]bool {
	t.Helper()
	at := slices.IndexFunc(files, func(f chart.File) bool { return f.Path == "chart/values.yaml" })
	var values struct {
		FeatureGates map[string]bool `json:"featureGates"`
	}
	if err := yaml.Unmarshal(files[at].Data, &values); err != nil {
		t.Fatal(err)
	}
	maps.Copy(values.FeatureGates, gates)
	return values.FeatureGates
}

// renderChart does to a template what Helm does, as far as the chart asks.
func renderChart(t *testing.T, file chart.File, database string, gates map[string]bool) string {
	t.Helper()
	parsed, err := template.New(file.Path).Funcs(template.FuncMap{"default": func(other, value string) string {
		if value == "" {
			return other
		}
		return value
	}}).Parse(string(file.Data))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{
		"Values": map[string]any{
			"image": map[string]any{"repository": "ghcr.io/roadbed-dev/roadbed", "tag": ""}, "databaseSecret": database,
			"featureGates": gates, "gateway": map[string]any{"replicas": 2, "publicAddress": ""},
		},
		"Chart":   map[string]any{"AppVersion": "latest"},
		"Release": map[string]any{"IsInstall": true},
	}
	var out strings.Builder
	if err := parsed.Execute(&out, values); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func names(found map[string]apptest.Object) []string {
	var list []string
	for name := range found {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// What is in config/ is what "make generate" would write.
func TestConfigIsFresh(t *testing.T) {
	t.Parallel()
	files, err := chart.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "config", filepath.FromSlash(file.Path)))
		if err != nil {
			t.Errorf("run \"make generate\": %v", err)
			continue
		}
		if !bytes.Equal(text, file.Data) {
			t.Errorf("config/%s is not what \"make generate\" writes", file.Path)
		}
	}
}
