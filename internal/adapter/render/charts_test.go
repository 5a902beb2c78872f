package render_test

import (
	"crypto/sha256"
	"encoding/hex"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/roadbed-dev/roadbed/internal/adapter/render"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	content := []byte("a packaged chart")
	sum := sha256.Sum256(content)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/web-1.0.0.tgz" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	}))
	dir := t.TempDir()
	charts := render.NewCharts(dir)
	for path, want := range map[string]string{"/none.tgz": "answered 404", "/web-1.0.0.tgz": "not the one that is asked for"} {
		wrong := digest
		if path == "/web-1.0.0.tgz" {
			wrong = "sha256:" + strings.Repeat("0", 64)
		}
		if _, err := charts.Fetch(t.Context(), server.URL+path, wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for range 2 { // the second time, the repository is down
		if got, err := charts.Fetch(t.Context(), server.URL+"/web-1.0.0.tgz", digest); err != nil || string(got) != string(content) {
			t.Errorf("got %q, %v", got, err)
		}
		server.Close()
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("the folder has %v, %v", files, err)
	}
	if _, err := render.NewCharts("").Fetch(t.Context(), server.URL+"/web-1.0.0.tgz", digest); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("a repository that is down: %v", err)
	}
}

func TestPull(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(new(strings.Builder), "", 0))))
	t.Cleanup(server.Close)
	repository := strings.TrimPrefix(server.URL, "http://") + "/charts/web"
	push := func(media types.MediaType) string {
		t.Helper()
		image, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte("a packaged chart"), media))
		if err != nil {
			t.Fatal(err)
		}
		tag, err := name.NewTag(repository + ":1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(tag, image); err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return digest.String()
	}
	charts := render.NewCharts("")
	digest := push("application/vnd.cncf.helm.chart.content.v1.tar+gzip")
	if got, err := charts.Fetch(t.Context(), "oci://"+repository, digest); err != nil || string(got) != "a packaged chart" {
		t.Errorf("got %q, %v", got, err)
	}
	for where, want := range map[string]string{"oci://" + repository + "/none": "does not give the chart", "oci://" + repository + ":1.0.0": "does not give", "oci://": "none of a registry"} {
		if _, err := charts.Fetch(t.Context(), where, "sha256:"+strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", where, err)
		}
	}
	if _, err := charts.Fetch(t.Context(), "oci://"+repository, push(types.OCILayer)); err == nil || !strings.Contains(err.Error(), "no chart") {
		t.Errorf("an image is taken for a chart: %v", err)
	}
}
