package render

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Kustomization builds the kustomization in a folder, without plugins.
func Kustomization(dir string) (File, error) {
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return File{}, fmt.Errorf("kustomization %s: %w", dir, err)
	}
	text, err := objects.AsYaml()
	if err != nil {
		return File{}, fmt.Errorf("kustomization %s: %w", dir, err)
	}
	return File{Name: dir, Data: text}, nil
}
