package gatewayexport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// definitions are the files with the kinds that exported objects have, by module.
var definitions = map[string][]string{
	"sigs.k8s.io/gateway-api": {
		"config/crd/standard/*_gateways.yaml", "config/crd/standard/*_listenersets.yaml", "config/crd/standard/*_httproutes.yaml",
		"config/crd/standard/*_grpcroutes.yaml", "config/crd/standard/*_backendtlspolicies.yaml", "config/crd/standard/*_referencegrants.yaml",
	},
	"github.com/envoyproxy/gateway": {
		"charts/gateway-helm/charts/crds/crds/generated/*_securitypolicies.yaml",
		"charts/gateway-helm/charts/crds/crds/generated/*_backendtrafficpolicies.yaml",
		"charts/gateway-helm/charts/crds/crds/generated/*_clienttrafficpolicies.yaml",
	},
	"istio.io/api": {"kubernetes/customresourcedefinitions.gen.yaml"},
	"github.com/kong/kubernetes-configuration": {"config/crd/ingress-controller/*_kongplugins.yaml", "config/crd/ingress-controller/*_kongconsumers.yaml"},
}

// istioKinds are the definitions of Istio's file that are wanted.
var istioKinds = []string{"AuthorizationPolicy", "RequestAuthentication"}

// TestExportIsAccepted creates what is written for each case and gateway.
func TestExportIsAccepted(t *testing.T) {
	env := kubetest.Start(t)
	install(t, env.Client)
	strict := client.WithFieldValidation(env.Client, metav1.FieldValidationStrict)
	cases, err := filepath.Glob("../../internal/domain/gateway/export/testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("cases: %v, %v", cases, err)
	}
	kinds := map[string]bool{}
	for _, file := range cases {
		in := readCase(t, file)
		for _, vendor := range export.Vendors() {
			name := strings.TrimSuffix(filepath.Base(file), ".txtar") + "-" + string(vendor)
			result, err := export.Export(in, export.Options{For: vendor})
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name, func(t *testing.T) {
				for _, object := range result.Objects {
					kinds[object.GetKind()] = true
					create(t, strict, name, object, refused(result.Findings, object))
				}
			})
		}
	}
	for _, kind := range []string{
		"Gateway", "HTTPRoute", "GRPCRoute", "ReferenceGrant", "SecurityPolicy", "BackendTrafficPolicy", "ClientTrafficPolicy",
		"AuthorizationPolicy", "RequestAuthentication", "KongPlugin", "KongConsumer",
	} {
		if !kinds[kind] {
			t.Errorf("no case has a %s: nothing is known of it", kind)
		}
	}
}

// create wants an object to be accepted as it is, or refused for one field; and
// refused in any case with a field that its kind does not have.
func create(t *testing.T, c client.Client, prefix string, source *unstructured.Unstructured, field string) {
	t.Helper()
	object := source.DeepCopy()
	namespace := prefix + "-" + object.GetNamespace()
	object.SetNamespace(namespace)
	err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	spoilt := object.DeepCopy()
	spoilt.Object["unheardOf"] = true
	if err := c.Create(t.Context(), spoilt, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "unheardOf") {
		t.Errorf("%s %s: an unknown field is not refused: %v", object.GetKind(), object.GetName(), err)
	}
	err = c.Create(t.Context(), object)
	switch {
	case field == "" && err != nil:
		text, _ := yaml.Marshal(source)
		t.Errorf("%v:\n%s", err, text)
	case field != "" && (err == nil || !strings.Contains(err.Error(), field)):
		t.Errorf("%s %s: error %v, want that %s is refused, as the finding says", object.GetKind(), object.GetName(), err, field)
	}
}

// refused is the field for which a finding says that an object is refused.
func refused(findings []export.Finding, object *unstructured.Unstructured) string {
	for _, finding := range findings {
		if strings.HasPrefix(finding.Lost, "the standard channel") && finding.Object == fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName()) {
			return finding.Field
		}
	}
	return ""
}

func readCase(t *testing.T, file string) (in export.Input) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := gatewayv1.Install(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, part := range archive.Files {
		if part.Name != "input.yaml" {
			continue
		}
		for _, document := range documents(part.Data) {
			var fields unstructured.Unstructured
			if err := yaml.Unmarshal(document, &fields.Object); err != nil {
				t.Fatal(err)
			}
			object, err := scheme.New(fields.GroupVersionKind())
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.UnmarshalStrict(document, object); err != nil || !in.Add(object) {
				t.Fatalf("%s: %v:\n%s", file, err, document)
			}
		}
	}
	return in
}

func documents(data []byte) (all [][]byte) {
	for document := range bytes.SplitSeq(append([]byte("\n"), data...), []byte("\n---\n")) {
		if len(bytes.TrimSpace(document)) > 0 {
			all = append(all, document)
		}
	}
	return all
}

// install creates the definitions and waits until they are served.
func install(t *testing.T, c client.Client) {
	t.Helper()
	for module, dir := range folders(t) {
		for _, pattern := range definitions[module] {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s has no %s: %v", dir, pattern, err)
			}
			for _, file := range files {
				installFile(t, c, file)
			}
		}
	}
}

func installFile(t *testing.T, c client.Client, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents(data) {
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(document, definition); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if definition.Name == "" || strings.HasSuffix(definition.Name, "istio.io") && !slices.Contains(istioKinds, definition.Spec.Names.Kind) {
			continue
		}
		if err := c.Create(t.Context(), definition); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("%s: %v", file, err)
		}
		kubetest.Eventually(t, time.Minute, "served "+definition.Name, func() error { return served(t, c, definition.Name) })
	}
}

func served(t *testing.T, c client.Client, name string) error {
	t.Helper()
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: name}, definition); err != nil {
		return err
	}
	for _, condition := range definition.Status.Conditions {
		if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("%s is not established", name)
}

// folders are where the modules with the definitions are, by path; those that are
// not on this machine are downloaded.
func folders(t *testing.T) map[string]string {
	t.Helper()
	args := []string{"mod", "download", "-json"}
	for module := range definitions {
		args = append(args, module)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = "definitions"
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("download definitions: %v: %s", err, out)
	}
	dirs := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var module struct{ Path, Dir string }
		if err := decoder.Decode(&module); err != nil {
			t.Fatal(err)
		}
		dirs[module.Path] = module.Dir
	}
	return dirs
}
