package roadbed_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// TestExamplesApply hands every object of every example to a real API server,
// which decodes it strictly, fills in defaults and validates it, and writes
// nothing. Files for the command line alone are not for a server: they are in
// folders named tests, and "roadbed policy test" runs them.
func TestExamplesApply(t *testing.T) {
	t.Parallel()
	server := newDryRun(t)
	files := 0
	err := fs.WalkDir(os.DirFS("examples"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".yaml" || path.Base(path.Dir(name)) == "tests" {
			return err
		}
		files++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(path.Join("examples", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := server.apply(t.Context(), content); err != nil {
				t.Error(err)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Error("found no example")
	}
}

// TestBrokenExampleIsRefused shows that the law above can fail.
func TestBrokenExampleIsRefused(t *testing.T) {
	t.Parallel()
	server := newDryRun(t)
	const tier = "apiVersion: tenancy.roadbed.dev/v1alpha1\nkind: Tier\nmetadata: {name: broken}\n"
	for name, content := range map[string]string{
		"unknown field":  tier + "spec: {rank: 1, quota: {pods: 1}, limits: {}, colour: blue}\n",
		"missing field":  tier + "spec: {quota: {pods: 1}, limits: {}}\n",
		"unknown kind":   "apiVersion: tenancy.roadbed.dev/v1alpha1\nkind: Colour\nmetadata: {name: broken}\n",
		"not YAML":       "kind: [Tier\n",
		"nothing inside": "# only a comment\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := server.apply(t.Context(), []byte(content)); err == nil {
				t.Error("was accepted")
			}
		})
	}
}

// dryRun asks an API server what it thinks of objects.
type dryRun struct {
	client client.Client
	// namespace stands in for those that examples name: a dry run creates none.
	namespace string
}

func newDryRun(t *testing.T) dryRun {
	t.Helper()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	env.InstallKyvernoCRDs(t)
	env.InstallGatewayCRDs(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "examples-"}}
	if err := env.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Client.Delete(context.WithoutCancel(t.Context()), namespace); err != nil {
			t.Errorf("delete namespace: %v", err)
		}
	})
	strict := client.WithFieldValidation(env.Client, metav1.FieldValidationStrict)
	return dryRun{client: strict, namespace: namespace.Name}
}

// apply wants every document to be accepted, and at least one to be there.
func (d dryRun) apply(ctx context.Context, content []byte) error {
	decoder := yaml.NewYAMLToJSONDecoder(bytes.NewReader(content))
	var errs []error
	for count := 0; ; {
		var object unstructured.Unstructured
		err := decoder.Decode(&object)
		switch {
		case errors.Is(err, io.EOF) && count == 0:
			return errors.New("holds no object")
		case errors.Is(err, io.EOF):
			return errors.Join(errs...)
		case err != nil:
			return err
		case len(object.Object) == 0:
			continue
		}
		count++
		errs = append(errs, d.one(ctx, &object))
	}
}

func (d dryRun) one(ctx context.Context, object *unstructured.Unstructured) error {
	if object.GetNamespace() != "" {
		object.SetNamespace(d.namespace)
	}
	config := client.ApplyConfigurationFromUnstructured(object)
	return d.client.Apply(ctx, config, client.DryRunAll, client.ForceOwnership, client.FieldOwner("examples"))
}
