package claim_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/render"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// factories are those of the claims' tests.
func factories() map[v1alpha1.ProvisionerType]claim.Factory {
	return map[v1alpha1.ProvisionerType]claim.Factory{
		v1alpha1.ProvisionerHelm:    claim.Helm(render.NewCharts("")),
		v1alpha1.ProvisionerBuiltin: claim.Builtins(map[string]provision.Builtin{"safe": daily, "deaf": unhearing}),
	}
}

// packaged is a chart of files, by name, as Helm packages it.
func packaged(t *testing.T, files map[string]string) string {
	t.Helper()
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	into := tar.NewWriter(compressed)
	files["Chart.yaml"] = "{apiVersion: v2, name: crate, version: 1.0.0}"
	for name, text := range files {
		err := into.WriteHeader(&tar.Header{Name: "crate/" + name, Mode: 0o644, Size: int64(len(text))})
		if err == nil {
			_, err = into.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(into.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(archive.Bytes())
}

const crates = `
metadata: {name: %[1]s}
spec:
  description: a crate to put boxes into, for tests
  layer: data
  owner: {team: crates}
  names: {kind: %[2]s, plural: %[1]ss}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema: {spec: {type: object, properties: {size: {type: integer}, extra: {type: boolean}}}}
    connection: {secretKeys: [size]}
    provisioner:
      type: Helm
      permissions: [{apiGroups: [""], resources: [configmaps, services]}]
      helm:
        archive: %[3]s
        values: {size: "${spec.size}", extra: "${has(spec.extra) && spec.extra}"}
        endpoint: "resources['Service/' + claim.metadata.name].spec.externalName"
        connection: {size: "resources['ConfigMap/' + claim.metadata.name].data.size"}
`

// testChart: what a chart renders is made, repaired and taken away as the objects
// of a template are, and a chart that is wrong says so.
func testChart(t *testing.T, p *platform) {
	p.publish(t, fmt.Sprintf(crates, "crate", "Crate", packaged(t, map[string]string{
		"templates/service.yaml":  "apiVersion: v1\nkind: Service\nmetadata: {name: {{ .Release.Name }}}\nspec: {type: ExternalName, externalName: {{ .Release.Name }}.{{ .Release.Namespace }}}\n",
		"templates/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {size: {{ .Values.size | quote }}}\n",
		"templates/extra.yaml":    "{{- if .Values.extra }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-extra}\n{{- end }}\n",
	})))
	namespace, dev := p.tenant(t, "chart", "tier-2", "internal")
	made := claimed(t, dev, wish(namespace, "Crate", "one", `{"size":3,"extra":true}`))
	ready(t, dev, made)
	if endpoint := made.Object["status"].(map[string]any)["endpoint"]; endpoint != "one.tenant-chart" {
		t.Errorf("the endpoint is %v", endpoint)
	}
	secret := &corev1.Secret{}
	if err := dev.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "one-connection"}, secret); err != nil || string(secret.Data["size"]) != "3" {
		t.Errorf("the connection Secret holds %v: %v", secret.Data, err)
	}
	settings := &corev1.ConfigMap{}
	settings.SetName("one")
	settings.SetNamespace(namespace)
	if err := dev.Patch(t.Context(), settings, client.RawPatch(types.MergePatchType, []byte(`{"data":{"size":"9"}}`))); err != nil {
		t.Fatal(err)
	}
	if err := dev.Patch(t.Context(), made, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"extra":false}}`))); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the edit is undone, and what the chart no longer renders is gone", func() error {
		if err := dev.Get(t.Context(), client.ObjectKeyFromObject(settings), settings); err != nil || settings.Data["size"] != "3" {
			return fmt.Errorf("data is %v: %w", settings.Data, err)
		}
		extra := object("ConfigMap", namespace, "one-extra")
		if err := dev.Get(t.Context(), client.ObjectKeyFromObject(extra), extra); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
	p.publish(t, fmt.Sprintf(crates, "wreck", "Wreck", packaged(t, map[string]string{"templates/a.yaml": `{{ fail "the chart is unfinished" }}`})))
	wreck := claimed(t, dev, wish(namespace, "Wreck", "one", `{"size":3}`))
	conditioned(t, dev, wreck, claim.ConditionProvisioned, claim.ReasonInvalidProvisioner, "the chart is unfinished")
	greedy := packaged(t, map[string]string{"templates/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: greedy}\nspec: {containers: [{name: a, image: a}]}\n"})
	p.publish(t, fmt.Sprintf(crates, "greed", "Greed", greedy))
	greed := claimed(t, dev, wish(namespace, "Greed", "one", `{"size":3}`))
	conditioned(t, dev, greed, claim.ConditionProvisioned, claim.ReasonUnavailable, "Roadbed may not watch pods")
}
