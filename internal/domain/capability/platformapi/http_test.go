package platformapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// asked is a request and what is said to it.
type asked struct {
	method, path, body string
	header             map[string]string
	status             int
	says               string // in the answer's body, or its header Allow
}

// each makes requests as the shop's people.
func (a *api) each(t *testing.T, all []asked) {
	t.Helper()
	for _, test := range all {
		status, said, header := a.call(t, "shop", test.method, test.path, test.body, test.header)
		text, err := json.Marshal(said)
		check(t, err)
		if status != test.status || !strings.Contains(string(text)+header.Get("Allow"), test.says) {
			t.Errorf("%s %s %v %.100s: %d %s %v, want %d %q", test.method, test.path, test.header, test.body, status, text, header, test.status, test.says)
		}
	}
}

// negotiation: what is sent is what the client takes, and every path says its methods.
func (a *api) negotiation(t *testing.T) {
	a.call(t, "shop", "POST", "/v1/databases", strings.Replace(orders, "orders", "polite", 1), nil)
	const path = "/v1/databases/polite?namespace=api-shop-dev"
	accept := func(what string) map[string]string { return map[string]string{"Accept": what} }
	a.each(t, []asked{
		{"GET", path, "", accept("application/json;as=Table;v=v1;g=meta.k8s.io, application/json"), 200, "polite"},
		{"GET", path, "", accept("text/html, application/*;q=0.5"), 200, "polite"},
		{"GET", path, "", accept(""), 200, "polite"},
		{"GET", path, "", accept("application/yaml"), 406, "application/json"},
		{"GET", path, "", accept("*/*, application/json;q=0"), 406, "application/json"},
		{"GET", path, "", accept("nonsense"), 406, "application/json"},
		{"GET", "/v1/databases?watch=true", "", accept("application/json"), 406, "text/event-stream"},
		{"GET", "/openapi.json", "", accept("text/html"), 406, "application/json"},
		{"GET", "/docs", "", accept("application/json"), 406, "text/html"},
		{"HEAD", path, "", nil, 200, ""},
		{"HEAD", "/v1/databases", "", nil, 200, ""},
		{"HEAD", "/v1/databases/absent", "", nil, 404, ""},
		{"HEAD", "/v1/databases?watch=true", "", nil, 400, ""},
		{"OPTIONS", path, "", nil, 204, "GET, HEAD, OPTIONS, PATCH, DELETE"},
		{"OPTIONS", "/v1/databases", "", nil, 204, "GET, HEAD, OPTIONS, POST"},
		{"DELETE", "/v1/databases", "", nil, 405, "GET, HEAD, OPTIONS, POST"},
	})
	if _, _, header := a.call(t, "shop", "HEAD", path, "", nil); header.Get("ETag") == "" {
		t.Errorf("the head of a claim is %v", header)
	}
	if _, _, header := a.call(t, "shop", "PATCH", path, "{}", map[string]string{"Content-Type": "application/apply-patch+yaml"}); header.Get("Accept-Patch") == "" {
		t.Errorf("who patches by another media type hears %v", header)
	}
}

// versions: who says which version he means is told when it is another, and who does
// not is not troubled by those who write the status.
func (a *api) versions(t *testing.T) {
	_, made, header := a.call(t, "shop", "POST", "/v1/databases", strings.Replace(orders, "orders", "versioned", 1), nil)
	tag := header.Get("ETag")
	version := made["metadata"].(map[string]any)["resourceVersion"].(string)
	uid := made["metadata"].(map[string]any)["uid"].(string)
	const path = "/v1/databases/versioned?namespace=api-shop-dev"
	with := func(pairs ...string) map[string]string {
		header := map[string]string{"Content-Type": "application/merge-patch+json"}
		for i := 0; i < len(pairs); i += 2 {
			header[pairs[i]] = pairs[i+1]
		}
		return header
	}
	labelled := func(version string) string {
		return fmt.Sprintf(`{"metadata": {"resourceVersion": %q, "labels": {"v": %q}}}`, version, version)
	}
	a.each(t, []asked{
		{"GET", path, "", map[string]string{"If-None-Match": `"0", W/` + tag}, 304, ""},
		{"GET", path, "", map[string]string{"If-None-Match": "*"}, 304, ""},
		{"GET", path, "", map[string]string{"If-None-Match": `"0"`}, 200, "versioned"},
		{"PATCH", path, `{"spec": {}}`, with("If-Match", "W/"+tag), 412, "changed"},
		{"PATCH", path, `{"apiVersion": "claims.roadbed.dev/v1", "kind": "Database", "metadata": {"name": "versioned", "namespace": "api-shop-dev", "uid": "` + uid + `"}, "spec": {}}`, with("If-Match", `"0", `+tag), 200, "versioned"},
		{"PATCH", path, `{"kind": "Bucket"}`, with(), 422, "kind"},
		{"PATCH", path, `{"metadata": {"name": "other"}}`, with(), 422, "metadata.name"},
		{"PATCH", path, `{"status": {}}`, with(), 422, "status"},
		{"PATCH", path, labelled("1"), with(), 409, "metadata.resourceVersion"},
		{"DELETE", path, "", map[string]string{"If-Match": `"1"`}, 412, "changed"},
	})
	_, now, _ := a.call(t, "shop", "GET", path, "", nil)
	current := now["metadata"].(map[string]any)["resourceVersion"].(string)
	a.each(t, []asked{
		{"PATCH", path, labelled(current), with(), 200, current},
		{"PATCH", path, labelled(version), with(), 409, "changed"},
		{"PATCH", path, `{"spec": {"connections": 11}}`, with("If-Match", "*"), 200, "11"},
	})
	const replace = `[{"op": "replace", "path": "/spec/connections", "value": 12}]`
	_, _, header = a.call(t, "shop", "GET", path, "", nil)
	for _, test := range []struct {
		meddled int32
		asked
	}{
		{1, asked{"PATCH", path, `{"spec": {"connections": 13}}`, with("If-Match", header.Get("ETag")), 412, "changed"}},
		{2, asked{"PATCH", path, replace, with("Content-Type", "application/json-patch+json"), 200, "12"}},
		{9, asked{"PATCH", path, replace, with("Content-Type", "application/json-patch+json"), 409, "modified"}},
		{1, asked{"PATCH", path, `{"spec": {"connections": 14}}`, with(), 200, "14"}},
	} {
		a.meddle.Store(test.meddled)
		a.each(t, []asked{test.asked})
		a.meddle.Store(0)
	}
	a.call(t, "shop", "DELETE", path, "", nil)
}

// meddler has somebody write a claim's status right before a change of it arrives,
// as often as it was told to.
func (a *api) meddler(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/databases/versioned") && a.meddle.Add(-1) >= 0 {
			claim := &unstructured.Unstructured{}
			claim.SetAPIVersion("claims.roadbed.dev/v1")
			claim.SetKind("Database")
			claim.SetNamespace("api-shop-dev")
			claim.SetName("versioned")
			patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status": {"endpoint": "e-%d"}}`, a.meddle.Load()))
			if err := a.admin.Status().Patch(r.Context(), claim, patch); err != nil {
				return nil, err
			}
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bodies: what cannot be meant, or would cost too much, is refused with its field.
func (a *api) bodies(t *testing.T) {
	a.call(t, "shop", "POST", "/v1/databases", strings.Replace(orders, "orders", "strict", 1), nil)
	const path = "/v1/databases/strict?namespace=api-shop-dev"
	merge := map[string]string{"Content-Type": "application/merge-patch+json"}
	patch := map[string]string{"Content-Type": "application/json-patch+json"}
	metadata := `"metadata": {"name": "x", "namespace": "api-shop-dev"}`
	doubling := strings.Repeat(`{"op": "copy", "from": "/spec", "path": "/spec/x"}, {"op": "copy", "from": "/spec", "path": "/spec/y"}, `, 40)
	a.each(t, []asked{
		{"POST", "/v1/databases", `{` + metadata + `, "spec": {"connections": 5, "connections": 6}}`, nil, 422, `"field":"spec.connections"`},
		{"POST", "/v1/databases", `{` + metadata + `, "spec": {}, "sepc": {}}`, nil, 422, "sepc"},
		{"POST", "/v1/databases", `{"metadata": {"name": "x", "lables": {}}, "spec": {}}`, nil, 422, "metadata.lables: there is no such field"},
		{"POST", "/v1/databases", `{"metadata": {"name": "x", "resourceVersion": "1"}, "spec": {}}`, nil, 422, "set by the server"},
		{"POST", "/v1/databases", `{` + metadata + `, "spec": {`, nil, 400, "unexpected end"},
		{"POST", "/v1/databases", `{` + metadata + `} {}`, nil, 400, "JSON"},
		{"POST", "/v1/databases", `{` + metadata + `, "spec": {"connections": 5.5}}`, nil, 422, "spec.connections"},
		{"POST", "/v1/databases", `{` + metadata + `, "spec": {}}`, map[string]string{"Content-Encoding": "gzip"}, 415, "gzip"},
		{"PATCH", path, `{"spec": {"connections": 5, "connections": 6}}`, merge, 422, `"field":"spec.connections"`},
		{"PATCH", path, `{"spec": {"conections": 5}}`, merge, 422, `{"detail":"strict decoding error: unknown field \"spec.conections\"","errors":[{"detail":"there is no such field","field":"spec.conections"}]`},
		{"PATCH", path, `{"metadata": {"labels": {"a": 1}}}`, merge, 422, "metadata.labels[a]"},
		{"PATCH", path, `{"spec": {}`, merge, 400, "JSON"},
		{"PATCH", path, strings.Repeat(" ", 1<<20) + `{}`, merge, 413, "bytes"},
		{"PATCH", path, `[` + doubling + `{"op": "remove", "path": "/spec/x"}]`, patch, 422, "the JSON patch does not fit"},
		{"PATCH", path, `[{"op": "test", "path": "/spec/connections", "value": 5}` + strings.Repeat(`, {"op": "test", "path": "/spec/connections", "value": 5}`, 1000) + `]`, patch, 413, "operations"},
		{"PATCH", path, `[{"op": "remove", "path": "/spec/connections", "paht": 1}, {"op": "nonsense", "path": "/spec"}]`, patch, 400, "no JSON patch"},
		{"DELETE", path, `{"kind": "DeleteOptions", "preconditions": {"resourceVersion": "1"}}`, nil, 400, "If-Match"},
		{"DELETE", path, "", nil, 202, "strict"},
	})
}
