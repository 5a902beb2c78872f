package kinds

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/config"
)

// Foreign are kinds that somebody else defined and Roadbed reads. They are
// installed only where they are absent.
type Foreign struct {
	// Owner is who defined them, for people.
	Owner string
	// Folder is where the definitions are below config/.
	Folder string
	files  embed.FS
	// older names the versions in which the owner serves a kind besides the one
	// that the definition has, with the same fields.
	older func(definition string) []string
}

// Foreigns are the kinds that others defined.
func Foreigns() []Foreign { return []Foreign{Kyverno()} }

// Gateway are Gateway API's kinds.
func Gateway() Foreign {
	return Foreign{Owner: "Gateway API", Folder: "gateway", files: config.GatewayKinds}
}

// Kyverno are Kyverno's kinds.
func Kyverno() Foreign {
	return Foreign{Owner: "Kyverno", Folder: "kyverno", files: config.KyvernoKinds, older: olderKyverno}
}

func olderKyverno(definition string) []string {
	celKinds := strings.HasSuffix(definition, ".policies.kyverno.io")
	switch {
	case celKinds && strings.HasPrefix(definition, "namespaced"):
		return []string{"v1beta1"}
	case celKinds:
		return []string{"v1beta1", "v1alpha1"}
	case strings.HasSuffix(definition, ".kyverno.io"):
		return []string{"v2beta1"}
	}
	return nil
}

// File is a definition as a file, by its path below config/.
type File struct {
	Path string
	Data []byte
}

// Files are the definitions, each marked as installed by Roadbed.
func (f Foreign) Files() ([]File, error) {
	names, err := fs.Glob(f.files, f.Folder+"/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("find the kinds of %s: %w", f.Owner, err)
	}
	files := make([]File, len(names))
	for i, name := range names {
		text, err := f.files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the kinds of %s: %w", f.Owner, err)
		}
		if text, err = f.complete(text); err != nil {
			return nil, fmt.Errorf("complete %s: %w", name, err)
		}
		files[i] = File{Path: name, Data: text}
	}
	return files, nil
}

// complete marks a definition as ours, and serves it in older versions too where
// its owner does. A definition that is complete stays as it is.
func (f Foreign) complete(text []byte) ([]byte, error) {
	definition := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &definition.Object); err != nil {
		return nil, err
	}
	labels := definition.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[tenancyv1.LabelManagedBy] = tenancyv1.ManagedBy
	definition.SetLabels(labels)
	if err := f.addOlder(definition); err != nil {
		return nil, err
	}
	complete, err := yaml.Marshal(definition.Object)
	return append([]byte("---\n"), complete...), err
}

// terse takes the texts out of a schema and everything in it. They are told by the
// newest version; told in each, they would make a chart larger than Helm can store.
func terse(schema map[string]any) {
	if _, text := schema["description"].(string); text {
		delete(schema, "description")
	}
	for _, part := range schema {
		if inner, is := part.(map[string]any); is {
			terse(inner)
		}
	}
}

func (f Foreign) addOlder(definition *unstructured.Unstructured) error {
	if f.older == nil {
		return nil
	}
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		return err
	}
	if len(versions) != 1 {
		return nil
	}
	first, ok := versions[0].(map[string]any)
	if !ok {
		return fmt.Errorf("spec.versions[0] is a %T", versions[0])
	}
	for _, older := range f.older(definition.GetName()) {
		served := runtime.DeepCopyJSON(first)
		served["name"], served["storage"] = older, false
		terse(served)
		versions = append(versions, served)
	}
	return unstructured.SetNestedSlice(definition.Object, versions, "spec", "versions")
}

// Text renders the definitions as YAML documents, for a cluster that does not
// have them.
func (f Foreign) Text() ([]byte, error) {
	files, err := f.Files()
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, file := range files {
		all.Write(file.Data)
	}
	return all.Bytes(), nil
}

// Install applies the definitions that are absent or were made by Roadbed, and
// waits until they are served. A definition that somebody else made is left
// alone; the names of those are returned.
func (f Foreign) Install(ctx context.Context, c client.Client) (others []string, err error) {
	text, err := f.Text()
	if err != nil {
		return nil, err
	}
	definitions, err := Documents(text)
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
		if err := Apply(ctx, c, definition, Manager); err != nil {
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
