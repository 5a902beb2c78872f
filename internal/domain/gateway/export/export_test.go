package export_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// read decodes the documents of a case.
func read(t *testing.T, data []byte) (in export.Input) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := gatewayv1.Install(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	for document := range bytes.SplitSeq(data, []byte("---\n")) {
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%v:\n%s", err, document)
		}
		if !in.Add(object) {
			t.Fatalf("%T is none of the gateway's", object)
		}
	}
	return in
}

func written(t *testing.T, objects []*unstructured.Unstructured) []byte {
	t.Helper()
	var out bytes.Buffer
	for i, object := range objects {
		data, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(data)
	}
	return out.Bytes()
}

// TestExport compares what is written for each gateway with cases that a person
// has read. A case has input.yaml; for each gateway NAME.yaml and NAME.findings.
func TestExport(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		for _, vendor := range export.Vendors() {
			in := read(t, golden.File(t, archive, "input.yaml"))
			result, err := export.Export(in, export.Options{For: vendor})
			if err != nil {
				t.Fatal(err)
			}
			var findings strings.Builder
			for _, finding := range result.Findings {
				fmt.Fprintln(&findings, finding)
			}
			golden.SetFile(archive, string(vendor)+".yaml", written(t, result.Objects))
			golden.SetFile(archive, string(vendor)+".findings", []byte(findings.String()))
		}
		return archive
	})
}

// TestInputIsKept exports twice: the input is not changed, so both are the same.
func TestInputIsKept(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/rules.txtar")
	if err != nil {
		t.Fatal(err)
	}
	in := read(t, golden.File(t, archive, "input.yaml"))
	for _, vendor := range append(export.Vendors(), export.Vendors()...) {
		result, err := export.Export(in, export.Options{For: vendor})
		if err != nil {
			t.Fatal(err)
		}
		want := golden.File(t, archive, string(vendor)+".yaml")
		if got := written(t, result.Objects); !bytes.Equal(got, want) {
			t.Errorf("%s: the second export differs from the first", vendor)
		}
	}
}

func TestUnknownGateway(t *testing.T) {
	t.Parallel()
	_, err := export.Export(export.Input{}, export.Options{For: "nginx"})
	if err == nil || !strings.Contains(err.Error(), "[envoy-gateway istio kong]") {
		t.Errorf("error %v, want one that names the gateways there are", err)
	}
}

func TestClusterKeys(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/cluster.txtar")
	if err != nil {
		t.Fatal(err)
	}
	in := read(t, golden.File(t, archive, "input.yaml"))
	issuer := export.ClusterIssuer{URL: "https://issuer.example", JWKS: `{"keys":[]}`}
	for _, vendor := range []export.Vendor{export.EnvoyGateway, export.Istio} {
		result, err := export.Export(in, export.Options{For: vendor, Class: "edge", Cluster: issuer})
		if err != nil {
			t.Fatal(err)
		}
		text := string(written(t, result.Objects))
		for _, want := range []string{"https://issuer.example", `'{"keys":[]}'`, "gatewayClassName: edge"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s in\n%s", vendor, want, text)
			}
		}
	}
}
