package render

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

// File is a rendered file.
type File struct {
	// Name is the template's, such as "web/templates/deployment.yaml".
	Name string
	// Data holds YAML documents.
	Data []byte
}

// ChartOptions say how a chart is rendered.
type ChartOptions struct {
	// Release and Namespace are what templates see as .Release; "release" and
	// "default" unless they are set.
	Release, Namespace string
	// ValueFiles are YAML files of values; later ones win.
	ValueFiles []string
}

// Chart renders the chart in a folder or archive. CRDs come first; notes and
// templates without objects are left out.
func Chart(dir string, o ChartOptions) ([]File, error) {
	chart, err := loader.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", dir, err)
	}
	values, err := readValues(o.ValueFiles)
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", dir, err)
	}
	rendered, err := render(chart, values, o)
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", dir, err)
	}
	var files []File
	for _, crd := range chart.CRDObjects() {
		files = append(files, File{Name: crd.Filename, Data: crd.File.Data})
	}
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		text := rendered[name]
		if strings.TrimSpace(text) == "" || path.Base(name) == "NOTES.txt" || strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		files = append(files, File{Name: name, Data: []byte(text)})
	}
	return files, nil
}

func render(chart *chartv2.Chart, values map[string]any, o ChartOptions) (map[string]string, error) {
	if err := chartutil.ProcessDependencies(chart, values); err != nil {
		return nil, fmt.Errorf("dependencies: %w", err)
	}
	release := common.ReleaseOptions{Name: o.Release, Namespace: o.Namespace, Revision: 1, IsInstall: true}
	if release.Name == "" {
		release.Name = "release"
	}
	if release.Namespace == "" {
		release.Namespace = "default"
	}
	complete, err := util.ToRenderValues(chart, values, release, nil)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	return engine.Render(chart, complete)
}

func readValues(files []string) (map[string]any, error) {
	merged := map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		values := map[string]any{}
		if err := yaml.Unmarshal(text, &values); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		merged = util.MergeTables(values, merged)
	}
	return merged, nil
}
