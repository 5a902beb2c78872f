package app

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/config"
)

// kyvernoKinds are the definitions of Kyverno's kinds as files below config/,
// each marked as ours.
func kyvernoKinds() ([]File, error) {
	names, err := fs.Glob(config.KyvernoKinds, "kyverno/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("find Kyverno's kinds: %w", err)
	}
	files := make([]File, len(names))
	for i, name := range names {
		text, err := config.KyvernoKinds.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read Kyverno's kinds: %w", err)
		}
		if text, err = completeKind(text); err != nil {
			return nil, fmt.Errorf("complete %s: %w", path.Base(name), err)
		}
		files[i] = File{Path: name, Data: text}
	}
	return files, nil
}

// completeKind marks a definition as ours, and serves it in the older version
// too where Kyverno does. A definition that is complete stays as it is.
func completeKind(text []byte) ([]byte, error) {
	definition := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &definition.Object); err != nil {
		return nil, err
	}
	definition.SetLabels(map[string]string{tenancyv1.LabelManagedBy: tenancyv1.ManagedBy})
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		return nil, err
	}
	if older := olderVersion(definition.GetName()); older != "" && len(versions) == 1 {
		first, ok := versions[0].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("spec.versions[0] is a %T", versions[0])
		}
		second := runtime.DeepCopyJSON(first)
		second["name"], second["storage"] = older, false
		versions = append(versions, second)
	}
	if err := unstructured.SetNestedSlice(definition.Object, versions, "spec", "versions"); err != nil {
		return nil, err
	}
	complete, err := yaml.Marshal(definition.Object)
	return append([]byte("---\n"), complete...), err
}

// olderVersion is the version in which Kyverno serves a kind besides the one
// that the types are of, with the same fields; empty if there is none.
func olderVersion(definition string) string {
	switch {
	case definition == "policyexceptions.kyverno.io":
		return "v2beta1"
	case strings.HasSuffix(definition, ".policies.kyverno.io"):
		return "v1beta1"
	}
	return ""
}

// KyvernoManifests renders the definitions of Kyverno's kinds as YAML documents,
// for a cluster that does not have them.
func KyvernoManifests() ([]byte, error) {
	files, err := kyvernoKinds()
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, file := range files {
		all.Write(file.Data)
	}
	return all.Bytes(), nil
}

// kyvernoFiles are the definitions as files in config/, and all of them as one
// of the chart: Helm makes what is in its folder where it is absent, and never
// changes what it finds.
func kyvernoFiles() ([]File, error) {
	files, err := kyvernoKinds()
	if err != nil {
		return nil, err
	}
	all, err := KyvernoManifests()
	return append(files, File{Path: "chart/crds/kyverno.yaml", Data: generated(all)}), err
}

// installKyvernoKinds applies the definitions of Kyverno's kinds where they are
// absent or were made by Roadbed, and waits until they are served. A definition
// that somebody else made is left alone; the names of those are returned.
func installKyvernoKinds(ctx context.Context, c client.Client) (others []string, err error) {
	text, err := KyvernoManifests()
	if err != nil {
		return nil, err
	}
	definitions, err := documents(text)
	if err != nil {
		return nil, err
	}
	var applied []*unstructured.Unstructured
	for _, definition := range definitions {
		ours, err := mayDefine(ctx, c, definition)
		if err != nil {
			return nil, err
		}
		if !ours {
			others = append(others, definition.GetName())
			continue
		}
		if err := applyLoose(ctx, c, definition); err != nil {
			return nil, err
		}
		applied = append(applied, definition)
	}
	return others, allEstablished(ctx, c, applied)
}

// mayDefine tells whether a definition is absent or made by Roadbed.
func mayDefine(ctx context.Context, c client.Client, definition *unstructured.Unstructured) (bool, error) {
	live := definition.DeepCopy()
	err := c.Get(ctx, client.ObjectKeyFromObject(definition), live)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the definition of %q: %w", definition.GetName(), err)
	}
	return live.GetLabels()[tenancyv1.LabelManagedBy] == tenancyv1.ManagedBy, nil
}
