// Package exportdir keeps the exports of offboarded tenants as YAML files in a
// directory that nobody else can read. An export is whole or absent: it is
// written beside its place, flushed to the disk and then put there.
package exportdir

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Dir is a directory of exports.
type Dir struct{ path string }

// New returns the directory at path, which is made when it is first needed.
func New(path string) *Dir { return &Dir{path: path} }

// Export writes the objects to TENANT-UID.yaml, in their order, and returns the
// file's path. An earlier export of the same is replaced.
func (d *Dir) Export(_ context.Context, tenant, uid string, objects []*unstructured.Unstructured) (string, error) {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return "", fmt.Errorf("make the export directory: %w", err)
	}
	text, err := render(objects)
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(d.path, fileName(tenant, uid)))
	if err != nil {
		return "", fmt.Errorf("find the export directory: %w", err)
	}
	if err := replace(path, text); err != nil {
		return "", fmt.Errorf("write export %q: %w", path, err)
	}
	return path, nil
}

// fileName holds nothing but what Kubernetes allows in names and UIDs.
func fileName(tenant, uid string) string {
	return filepath.Base(tenant + "-" + uid + ".yaml")
}

func render(objects []*unstructured.Unstructured) ([]byte, error) {
	var text bytes.Buffer
	for _, object := range objects {
		document, err := yaml.Marshal(object.Object)
		if err != nil {
			return nil, fmt.Errorf("encode %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
		}
		text.WriteString("---\n")
		text.Write(document)
	}
	return text.Bytes(), nil
}

// replace puts the text at path, durably, readable by its owner only.
func replace(path string, text []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // The error that matters is already there.
		}
	}()
	if _, err = file.Write(text); err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the new name in the directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	return err
}
