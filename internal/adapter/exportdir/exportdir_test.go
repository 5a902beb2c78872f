package exportdir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/internal/adapter/exportdir"
)

func object(kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("v1")
	o.SetKind(kind)
	o.SetName(name)
	return o
}

func TestExportIsPrivateAndReplaced(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "deep", "exports")
	dir := exportdir.New(root)
	for _, names := range [][]string{{"first"}, {"second", "third"}} {
		var objects []*unstructured.Unstructured
		for _, name := range names {
			objects = append(objects, object("ConfigMap", name))
		}
		path, err := dir.Export(t.Context(), "payments", "4711", objects)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(text), "---\n"); got != len(names) {
			t.Errorf("%d documents, want %d:\n%s", got, len(names), text)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 || filepath.Base(path) != "payments-4711.yaml" {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("%d files in the directory, want the last export alone", len(entries))
	}
	if info, err := os.Stat(root); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v: %v", info.Mode(), err)
	}
}

func TestExportSaysWhatFailed(t *testing.T) {
	t.Parallel()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exportdir.New(blocked).Export(t.Context(), "payments", "4711", nil); err == nil || !strings.Contains(err.Error(), "export directory") {
		t.Errorf("error %v", err)
	}
}
