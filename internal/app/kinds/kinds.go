package kinds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/config"
)

// Manager owns the fields that an installation sets.
const Manager = "roadbed-install"

// Apply applies an object for the manager of its fields, and takes over what
// others set of them. The client's cache does not wait for it: to do so it would
// have to hold all objects of the kind.
func Apply(ctx context.Context, c client.Client, object *unstructured.Unstructured, manager string) error {
	body, err := object.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encode %s %q: %w", object.GetKind(), object.GetName(), err)
	}
	patch := client.RawPatch(types.ApplyYAMLPatchType, body)
	if err := c.Patch(ctx, object, patch, client.FieldOwner(manager), client.ForceOwnership, client.DisableReadYourWritesConsistency); err != nil {
		return fmt.Errorf("apply %s %q: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// Install applies the definitions of Roadbed's kinds and waits until the API
// server serves them.
func Install(ctx context.Context, c client.Client) error {
	text, err := Text()
	if err != nil {
		return err
	}
	definitions, err := Documents(text)
	if err != nil {
		return err
	}
	for _, definition := range definitions {
		if err := Apply(ctx, c, definition, Manager); err != nil {
			return err
		}
	}
	return allEstablished(ctx, c, definitions)
}

// allEstablished waits until kinds are served.
func allEstablished(ctx context.Context, c client.Client, definitions []*unstructured.Unstructured) error {
	for _, definition := range definitions {
		if err := established(ctx, c, definition); err != nil {
			return fmt.Errorf("wait for %q to be served: %w", definition.GetName(), err)
		}
	}
	return nil
}

// established waits until a kind is served.
func established(ctx context.Context, c client.Client, definition *unstructured.Unstructured) error {
	kind, _, err := unstructured.NestedString(definition.Object, "spec", "names", "kind")
	if err != nil {
		return err
	}
	group, _, err := unstructured.NestedString(definition.Object, "spec", "group")
	if err != nil {
		return err
	}
	version, err := firstVersion(definition)
	if err != nil {
		return err
	}
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(group + "/" + version)
	list.SetKind(kind + "List")
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		err := c.List(ctx, list, client.Limit(1))
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// firstVersion is the first of the versions that a definition serves.
func firstVersion(definition *unstructured.Unstructured) (string, error) {
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		return "", err
	}
	if len(versions) == 0 {
		return "", errors.New("it has no versions")
	}
	version, _ := versions[0].(map[string]any)
	name, _, err := unstructured.NestedString(version, "name")
	return name, err
}

// Text are the definitions of all of Roadbed's kinds as YAML documents.
func Text() ([]byte, error) {
	files, err := fs.Glob(config.CRDs, "crds/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("find the kinds: %w", err)
	}
	var out bytes.Buffer
	for _, file := range files {
		text, err := config.CRDs.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the kinds: %w", err)
		}
		if !bytes.HasPrefix(text, []byte("---\n")) {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// Documents parses YAML documents.
func Documents(text []byte) ([]*unstructured.Unstructured, error) {
	var found []*unstructured.Unstructured
	for document := range bytes.SplitSeq(text, []byte("---\n")) {
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, fmt.Errorf("read a document: %w", err)
		}
		found = append(found, object)
	}
	return found, nil
}
