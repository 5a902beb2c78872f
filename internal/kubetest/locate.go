package kubetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Root returns the folder of the module that the test belongs to.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the module: no go.mod above the working directory")
		}
		dir = parent
	}
}

// Binary returns the roadbed-kube to use: the one that BinaryVariable names,
// else the one that `make kube` builds.
func Binary() (string, error) {
	path := os.Getenv(BinaryVariable)
	if path == "" {
		root, err := Root()
		if err != nil {
			return "", err
		}
		path = filepath.Join(root, "bin", "roadbed-kube")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no roadbed-kube: %w: `make kube` builds it, or set %s to one", err, BinaryVariable)
	}
	return path, nil
}

// InstallCRDs installs config/crds and returns when the API server serves
// them. It may be called by any number of tests and processes.
func (e *Env) InstallCRDs(t testing.TB) {
	t.Helper()
	e.installKinds(t, "crds")
}

// InstallKyvernoCRDs does the same with Kyverno's kinds.
func (e *Env) InstallKyvernoCRDs(t testing.TB) {
	t.Helper()
	e.installKinds(t, "kyverno")
}

// InstallGatewayCRDs does the same with Gateway API's kinds.
func (e *Env) InstallGatewayCRDs(t testing.TB) {
	t.Helper()
	e.installKinds(t, "gateway")
}

// installKinds installs the definitions in a folder of config/.
func (e *Env) installKinds(t testing.TB, folder string) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "config", folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CustomResourceDefinitions in %s/config/%s: `make generate` writes them", root, folder)
	}
	for _, file := range files {
		definition := readCRD(t, file)
		if err := e.apply(t.Context(), definition); err != nil {
			t.Fatalf("install %s: %v", definition.Name, err)
		}
	}
	for _, file := range files {
		e.awaitEstablished(t, readCRD(t, file).Name)
	}
}

func readCRD(t testing.TB, file string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(content, &definition); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return &definition
}

// apply creates the definition or replaces its spec. Another process may do
// the same right now, with the same spec.
func (e *Env) apply(ctx context.Context, definition *apiextensionsv1.CustomResourceDefinition) error {
	err := e.Client.Create(ctx, definition.DeepCopy())
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	var live apiextensionsv1.CustomResourceDefinition
	if err := e.Client.Get(ctx, client.ObjectKeyFromObject(definition), &live); err != nil {
		return err
	}
	live.Spec = definition.Spec
	if err := e.Client.Update(ctx, &live); !apierrors.IsConflict(err) {
		return err
	}
	return nil
}

func (e *Env) awaitEstablished(t testing.TB, name string) {
	t.Helper()
	Eventually(t, time.Minute, "CustomResourceDefinition "+name+" is served", func() error {
		var live apiextensionsv1.CustomResourceDefinition
		if err := e.Client.Get(t.Context(), client.ObjectKey{Name: name}, &live); err != nil {
			return err
		}
		for _, condition := range live.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return nil
			}
		}
		return errors.New("not established")
	})
}
