package helm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/render"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/helm"
)

var _ helm.Charts = (*render.Charts)(nil)

const schema = `{"type":"object","properties":{"replicas":{"type":"integer"},"name":{"type":"string"}}}`

// packaged is a chart as Helm packages it.
func packaged(t *testing.T, files string) []byte {
	t.Helper()
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	into := tar.NewWriter(compressed)
	for _, file := range txtar.Parse([]byte(files)).Files {
		err := into.WriteHeader(&tar.Header{Name: "web/" + file.Name, Mode: 0o644, Size: int64(len(file.Data))})
		if err == nil {
			_, err = into.Write(file.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(into.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

const head = "-- Chart.yaml --\napiVersion: v2\nname: web\nversion: 1.0.0\n"

const web = head + `
-- values.yaml --
replicas: 1
host: none
-- templates/_names.tpl --
{{- define "name" }}{{ .Release.Name }}-web{{ end }}
-- templates/NOTES.txt --
Installed.
-- templates/deployment.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ include "name" . }}}
spec: {replicas: {{ .Values.replicas }}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ include "name" . }}, namespace: {{ .Release.Namespace }}}
-- templates/service.yaml --
apiVersion: v1
kind: Service
metadata: {name: {{ include "name" . }}, annotations: {host: "{{ .Values.host }}"}}
-- templates/tests/try.yaml --
apiVersion: v1
kind: Pod
metadata: {name: try, annotations: {"helm.sh/hook": test}}
`

func compile(t *testing.T, source string, archive []byte) (*helm.Chart, error) {
	t.Helper()
	parsed := &v1alpha1.HelmProvisioner{}
	if err := yaml.UnmarshalStrict([]byte(source), parsed); err != nil {
		t.Fatal(err)
	}
	parsed.Archive = base64.StdEncoding.EncodeToString(archive)
	return helm.Compile(parsed, []byte(schema), render.NewCharts(""))
}

func input(name string, spec map[string]any) provision.Input {
	claim := &unstructured.Unstructured{Object: map[string]any{}}
	claim.SetName(name)
	return provision.Input{Claim: claim, Spec: spec, Tenant: provision.Tenant{Name: "payments", Namespace: "tenant-payments"}}
}

const source = `
values: {replicas: "${spec.replicas}", host: "${claim.metadata.name}.${tenant.name}"}
endpoint: "resources['Service/orders-web'].spec.clusterIP"
connection: {host: "resources['Service/orders-web'].metadata.annotations.host"}
status: {copies: "resources['Deployment/orders-web'].spec.replicas"}
`

func TestRender(t *testing.T) {
	t.Parallel()
	chart, err := compile(t, source, packaged(t, web))
	if err != nil {
		t.Fatal(err)
	}
	in := input("orders", map[string]any{"replicas": int64(3)})
	live := map[provision.Ref]*unstructured.Unstructured{}
	find := func(ref provision.Ref) *unstructured.Unstructured { return live[ref] }
	out, err := chart.Render(t.Context(), in, find)
	if err != nil || out.Ready || out.Waiting != "ServiceAccount orders-web is not there yet" {
		t.Fatalf("got %+v, %v", out, err)
	}
	var kinds []string
	for _, object := range out.Objects {
		kinds = append(kinds, object.GetKind())
		if object.GetNamespace() != "tenant-payments" || object.GetName() != "orders-web" {
			t.Errorf("%s is %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
		}
		live[provision.RefOf(object)] = object.DeepCopy()
	}
	if got := strings.Join(kinds, " "); got != "ServiceAccount Service Deployment" {
		t.Errorf("the order is %s", got)
	}
	out, err = chart.Render(t.Context(), in, find)
	if err != nil || out.Ready || out.Waiting != "Deployment orders-web has not all of its copies ready" {
		t.Fatalf("got %+v, %v", out, err)
	}
	for _, object := range live {
		switch object.GetKind() {
		case "Deployment":
			object.Object["status"] = map[string]any{"readyReplicas": int64(3)}
		case "Service":
			object.Object["spec"] = map[string]any{"clusterIP": "10.0.0.1"}
		}
	}
	out, err = chart.Render(t.Context(), in, find)
	if err != nil || !out.Ready || out.Endpoint != "10.0.0.1" || string(out.Connection["host"]) != "orders.payments" || out.Status["copies"] != int64(3) {
		t.Errorf("got %+v, %v", out, err)
	}
	preview, err := chart.Plan(t.Context(), in)
	if err != nil || len(preview.Objects) != 3 || preview.Endpoint != "" || len(preview.ConnectionKeys) != 1 {
		t.Errorf("the plan is %+v, %v", preview, err)
	}
}

func TestChartsThatAreRefused(t *testing.T) {
	t.Parallel()
	template := func(text string) string { return head + "-- templates/a.yaml --\n" + text }
	for _, test := range []struct{ name, files, want string }{
		{"random", template("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {p: {{ randAlphaNum 20 }}}\n"), "renders differently each time"},
		{"fails", template(`{{ fail "no disk" }}`), "no disk"},
		{"requires", template(`a: {{ required "say a host" .Values.host }}`), "say a host"},
		{"elsewhere", template("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: kube-system}\n"), `in namespace "kube-system"`},
		{"a hook", template("apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {helm.sh/hook: pre-install}}\n"), "Pod a is a pre-install hook"},
		{"nothing", template("{{ if .Values.on }}a: b{{ end }}"), "renders no object"},
		{"no object", template("a: b\n"), "no object"},
		{"twice", template("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"), "rendered twice"},
		{"no name", template("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_B}\n"), "is no name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			chart, err := compile(t, "{}", packaged(t, test.files))
			if err == nil {
				_, err = chart.Plan(t.Context(), input("orders", nil))
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, provision.ErrInvalid) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	chart, err := compile(t, "{}", packaged(t, web))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chart.Plan(t.Context(), input(strings.Repeat("a", 54), nil)); err == nil || !strings.Contains(err.Error(), "shorter name") {
		t.Errorf("a long name gives %v", err)
	}
}

func TestProvisionersThatAreRefused(t *testing.T) {
	t.Parallel()
	good := packaged(t, web)
	for _, test := range []struct {
		name, source string
		archive      []byte
		want         string
	}{
		{"no chart", "{}", []byte("hello"), "provisioner.helm.archive: it is no"},
		{"definitions", "{}", packaged(t, head+"-- crds/a.yaml --\nkind: CustomResourceDefinition\n"), "brings definitions of kinds"},
		{"a library", "{}", packaged(t, strings.Replace(head, "version:", "type: library\nversion:", 1)), "is a library"},
		{"another digest", "digest: sha256:" + strings.Repeat("0", 64), good, "provisioner.helm.digest: is not that of the archive"},
		{"a wrong expression", `values: {a: {b: "${spec.none}"}}`, good, "provisioner.helm.values.a.b"},
		{"resources in values", `values: {a: "${resources['Service/a'].x}"}`, good, "only once the chart is rendered"},
		{"a wrong connection", `connection: {host: "1"}`, good, "provisioner.helm.connection[host]"},
	} {
		if _, err := compile(t, test.source, test.archive); err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, provision.ErrInvalid) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

// remote is a repository that is down now and then.
type remote struct {
	*render.Charts
	archive []byte
	err     error
	asked   int
}

func (r *remote) Fetch(_ context.Context, _, digest string) ([]byte, error) {
	r.asked++
	if sum := sha256.Sum256(r.archive); digest != "sha256:"+hex.EncodeToString(sum[:]) {
		return nil, errors.New("another digest")
	}
	return r.archive, r.err
}

func TestChartByURL(t *testing.T) {
	t.Parallel()
	archive := packaged(t, web)
	sum := sha256.Sum256(archive)
	from := &remote{Charts: render.NewCharts(""), archive: archive, err: errors.New("down")}
	chart, err := helm.Compile(&v1alpha1.HelmProvisioner{URL: "https://charts.example/web.tgz", Digest: "sha256:" + hex.EncodeToString(sum[:])}, []byte(schema), from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chart.Plan(t.Context(), input("orders", nil)); err == nil || errors.Is(err, provision.ErrInvalid) {
		t.Errorf("a repository that is down gives %v", err)
	}
	from.err = nil
	for range 2 {
		if preview, err := chart.Plan(t.Context(), input("orders", nil)); err != nil || len(preview.Objects) != 3 {
			t.Errorf("got %+v, %v", preview, err)
		}
	}
	if from.asked != 2 {
		t.Errorf("the chart was fetched %d times", from.asked)
	}
}
