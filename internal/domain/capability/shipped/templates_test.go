package shipped_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/template"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/shipped"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// TestTemplates: what the templates render is accepted by kinds with the fields
// of CloudNativePG's and Crossplane's, field for field, and is ready when those say
// so.
func TestTemplates(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	admin, err := client.New(env.Admin, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shipped-"}}
	create(t, admin, namespace)
	for _, test := range []struct {
		name, definition string
		spec             map[string]any
		status           map[string]any // of an object that is ready
		host             string
	}{
		{
			"postgres-clusters", "cloudnativepg.yaml",
			map[string]any{"instances": int64(3), "sizeGiB": int64(10), "postgres": int64(17)},
			map[string]any{"readyInstances": int64(3)},
			"orders-rw." + namespace.Name + ".svc",
		},
		{
			"cloud-databases", "crossplane.yaml",
			map[string]any{"engineVersion": "17", "class": "small", "storageGiB": int64(20)},
			map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True", "reason": "Available", "lastTransitionTime": "2026-11-23T12:00:00Z"}}},
			"",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			define(t, admin, test.definition)
			made := compiled(t, test.name)
			in := provision.Input{Claim: &unstructured.Unstructured{Object: map[string]any{}}, Spec: test.spec, Tenant: provision.Tenant{Name: "shop", Tier: "tier-1", Namespace: namespace.Name}}
			in.Claim.SetName("orders")
			in.Claim.SetNamespace(namespace.Name)
			live := map[provision.Ref]*unstructured.Unstructured{}
			find := func(ref provision.Ref) *unstructured.Unstructured { return live[ref] }
			out, err := made.Render(t.Context(), in, find)
			if err != nil || out.Ready || len(out.Objects) != 1 {
				t.Fatalf("got %+v, %v", out, err)
			}
			object := out.Objects[0].DeepCopy()
			if err := admin.Create(t.Context(), object, client.FieldValidation("Strict")); err != nil {
				t.Fatal(err)
			}
			live[provision.RefOf(object)] = object
			if out, err = made.Render(t.Context(), in, find); err != nil || out.Ready {
				t.Errorf("it is ready before it is: %v", err)
			}
			object.Object["status"] = test.status
			if err := admin.Status().Update(t.Context(), object, client.FieldValidation("Strict")); err != nil {
				t.Fatal(err)
			}
			out, err = made.Render(t.Context(), in, find)
			if err != nil || !out.Ready || string(out.Connection["host"]) != test.host {
				t.Errorf("got %+v, %v", out, err)
			}
		})
	}
}

// compiled is the template of a capability's only version.
func compiled(t *testing.T, name string) *template.Template {
	t.Helper()
	source := &v1alpha1.Capability{}
	if err := yaml.UnmarshalStrict(shipped.Text(name), source); err != nil {
		t.Fatal(err)
	}
	version := source.Spec.Versions[0]
	made, err := template.Compile(version.Provisioner.Template, version.Schema.Spec.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// create makes an object that goes with the test: others share the API server.
func create(t *testing.T, c client.Client, object client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), object); err != nil {
			t.Error(err)
		}
	})
}

// define creates a kind and waits until it is served.
func define(t *testing.T, c client.Client, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, definition); err != nil {
		t.Fatal(err)
	}
	create(t, c, definition)
	kubetest.Eventually(t, time.Minute, definition.Name+" is served", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(definition), definition); err != nil {
			return err
		}
		for _, each := range definition.Status.Conditions {
			if each.Type == apiextensionsv1.Established && each.Status == apiextensionsv1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("status %v", definition.Status.Conditions)
	})
}
