package render_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/roadbed-dev/roadbed/internal/adapter/render"
)

const tree = `
-- chart/Chart.yaml --
apiVersion: v2
name: web
version: 1.0.0
-- chart/values.yaml --
replicas: 1
image: nginx
-- chart/crds/thing.yaml --
kind: CustomResourceDefinition
-- chart/templates/_names.tpl --
{{- define "name" }}{{ .Release.Name }}-web{{ end }}
-- chart/templates/NOTES.txt --
Installed.
-- chart/templates/absent.yaml --
{{- if .Values.absent }}
kind: Absent
{{- end }}
-- chart/templates/deployment.yaml --
kind: Deployment
metadata: {name: {{ include "name" . }}, namespace: {{ .Release.Namespace }}}
spec: {replicas: {{ .Values.replicas }}, image: {{ required "an image" .Values.image }}}
-- values.yaml --
replicas: 3
-- broken/Chart.yaml --
apiVersion: v2
name: broken
version: 1.0.0
-- broken/templates/a.yaml --
{{ fail "no" }}
-- overlay/kustomization.yaml --
namePrefix: big-
resources: [pod.yaml]
-- overlay/pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: pod}
`

func write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range txtar.Parse([]byte(tree)).Files {
		path := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestChart(t *testing.T) {
	t.Parallel()
	dir := write(t)
	files, err := render.Chart(filepath.Join(dir, "chart"), render.ChartOptions{
		Release: "blue", Namespace: "team", ValueFiles: []string{filepath.Join(dir, "values.yaml")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 || files[1].Name != "web/templates/deployment.yaml" {
		t.Fatalf("rendered %v", files)
	}
	if text := string(files[1].Data); !strings.Contains(text, "name: blue-web, namespace: team") || !strings.Contains(text, "replicas: 3, image: nginx") {
		t.Errorf("values and release are not in:\n%s", text)
	}
	if _, err := render.Chart(filepath.Join(dir, "broken"), render.ChartOptions{}); err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("a chart that fails gives %v", err)
	}
	if _, err := render.Chart(filepath.Join(dir, "none"), render.ChartOptions{}); err == nil {
		t.Error("a chart that is not there is rendered")
	}
}

func TestKustomization(t *testing.T) {
	t.Parallel()
	dir := write(t)
	file, err := render.Kustomization(filepath.Join(dir, "overlay"))
	if err != nil || !strings.Contains(string(file.Data), "name: big-pod") {
		t.Errorf("built %s, %v", file.Data, err)
	}
	if _, err := render.Kustomization(dir); err == nil {
		t.Error("a folder without a kustomization is built")
	}
}
