package capabilities_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// caller calls the platform's Gateway with a workload's own token.
type caller struct{ url, token string }

// gatewayAt moves the platform's Gateway to a port of its own: the one that it has
// may be taken on this machine. What a cluster gets instead is looked at as well.
func gatewayAt(t *testing.T, env *kubetest.Env, port int64) string {
	t.Helper()
	acting, err := app.ActingClient(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range append(capabilities.Behind("roadbed"), capabilities.Entry(true)...) {
		if made.SetName("in-cluster"); acting.Create(t.Context(), made, client.DryRunAll) != nil {
			t.Errorf("in a cluster: %v", acting.Create(t.Context(), made, client.DryRunAll))
		}
	}
	gateway := object("gateway.networking.k8s.io/v1", "Gateway", "roadbed-system", "platform-api")
	patch := client.RawPatch("application/json-patch+json", fmt.Appendf(nil, `[{"op": "replace", "path": "/spec/listeners/0/port", "value": %d}]`, port))
	if err := acting.Patch(t.Context(), gateway, patch); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

// token is what a pod of the account has projected, for the audience.
func token(t *testing.T, c client.Client, namespace, name, audience string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}}}
	if err := c.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// answer is all of one.
type answer struct {
	status int
	header http.Header
	said   map[string]any
}

// ask makes a request with fields as "Name: value", and returns the whole answer.
func (c caller) ask(t *testing.T, method, path, body string, fields ...string) answer {
	t.Helper()
	response := c.open(t, method, path, body, fields...)
	defer func() { _ = response.Body.Close() }() // it was read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	if strings.Contains(response.Header.Get("Content-Type"), "json") && method != http.MethodHead {
		if err := json.Unmarshal(text, &said); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return answer{response.StatusCode, response.Header, said}
}

// open asks again while the rate is used up, as callers do who come back later.
func (c caller) open(t *testing.T, method, path, body string, fields ...string) (response *http.Response) {
	t.Helper()
	kubetest.Eventually(t, patience, "the rate lets "+method+" "+path+" pass", func() error {
		got := c.send(t, method, path, body, fields...)
		if got.StatusCode == http.StatusTooManyRequests {
			return errors.Join(errors.New("it does not"), got.Body.Close())
		}
		response = got
		return nil
	})
	return response
}

func (c caller) send(t *testing.T, method, path, body string, fields ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// await asks again until the status is that.
func (c caller) await(t *testing.T, status int, method, path, body string, fields ...string) (got answer) {
	t.Helper()
	kubetest.Eventually(t, patience, fmt.Sprintf("%s %s is %d", method, path, status), func() error {
		if got = c.ask(t, method, path, body, fields...); got.status != status {
			return fmt.Errorf("%d %v", got.status, got.said)
		}
		return nil
	})
	return got
}

// claimedOverHTTP claims with the workload's own token, twice with one key, and
// waits for the claim on a stream of events.
func claimedOverHTTP(t *testing.T, c caller) *unstructured.Unstructured {
	t.Helper()
	const ledger = `{"metadata": {"name": "ledger"}, "spec": {"connections": 5}}`
	made := c.await(t, http.StatusCreated, "POST", "/v1/databases", ledger, "Idempotency-Key: first")
	again := c.ask(t, "POST", "/v1/databases", ledger, "Idempotency-Key: first")
	first, second := unstructured.Unstructured{Object: made.said}, unstructured.Unstructured{Object: again.said}
	if again.status != http.StatusCreated || first.GetUID() == "" || first.GetUID() != second.GetUID() {
		t.Errorf("the same request again: %d %v", again.status, again.said)
	}
	return awaitEvent(t, c, "ledger")
}

// awaitEvent watches until a claim is ready.
func awaitEvent(t *testing.T, c caller, name string) *unstructured.Unstructured {
	t.Helper()
	stream := c.open(t, "GET", "/v1/databases?watch=true", "")
	defer func() { _ = stream.Body.Close() }() // the test has what it wants
	lines := bufio.NewScanner(stream.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		claim := &unstructured.Unstructured{}
		if err := json.Unmarshal([]byte(data), &claim.Object); err != nil {
			t.Fatal(err)
		}
		if claim.GetName() == name && condition(claim, "Ready") == "True" {
			return claim
		}
	}
	t.Fatalf("the stream ended, %d: %v", stream.StatusCode, lines.Err())
	return nil
}

func condition(of *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(of.Object, "status", "conditions")
	for _, each := range conditions {
		if is, ok := each.(map[string]any); ok && is["type"] == kind {
			return fmt.Sprint(is["status"])
		}
	}
	return ""
}

// listed reads the claims in pages of one, and from there the document of the API.
func listed(t *testing.T, c caller) {
	t.Helper()
	var seen []string
	for next := ""; len(seen) < 3; {
		page := c.ask(t, "GET", "/v1/databases?limit=1&continue="+next, "")
		items, _ := page.said["items"].([]any)
		if page.status != http.StatusOK || len(items) != 1 {
			t.Fatalf("a page of one is %d %v", page.status, page.said)
		}
		seen = append(seen, (&unstructured.Unstructured{Object: items[0].(map[string]any)}).GetName())
		if next, _, _ = unstructured.NestedString(page.said, "metadata", "continue"); next == "" {
			break
		}
	}
	if !slices.Equal(seen, []string{"ledger", "orders"}) {
		t.Errorf("listed are %q", seen)
	}
	anybody := caller{url: c.url}
	document := anybody.ask(t, "GET", "/openapi.json", "")
	if paths, _ := document.said["paths"].(map[string]any); document.status != http.StatusOK || paths["/v1/databases/{name}"] == nil {
		t.Errorf("the document is %d %v", document.status, document.said)
	}
	if docs := anybody.ask(t, "GET", "/docs/databases", ""); docs.status != http.StatusOK {
		t.Errorf("the docs are %d", docs.status)
	}
}

// refused are those who are not the tenant's, whatever they say of themselves.
func refused(t *testing.T, c caller, wrong string) {
	t.Helper()
	forged := []string{"X-Roadbed-Tenant: payments", "X-Roadbed-Subject: ada", "Impersonate-User: ada", "Impersonate-Group: system:masters"}
	for name, test := range map[string]string{"nobody": "", "another audience": wrong, "no token": "a.b.c"} {
		got := caller{c.url, test}.ask(t, "GET", "/v1/databases", "", forged...)
		if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" || got.said["detail"] == nil {
			t.Errorf("%s: %d %v", name, got.status, got.said)
		}
	}
	if got := c.ask(t, "GET", "/v1/databases?namespace=kube-system", "", forged...); got.status != http.StatusForbidden {
		t.Errorf("another namespace: %d %v", got.status, got.said)
	}
}

// limited asks until the rate is used up, and is told when to come back.
func limited(t *testing.T, c caller) {
	t.Helper()
	apptest.UseUp(t, 100, time.Minute, func() bool {
		got := c.send(t, "GET", "/v1/databases/ledger", "")
		_ = got.Body.Close() // nothing of it is wanted
		if got.StatusCode != http.StatusTooManyRequests {
			return false
		}
		for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy"} {
			if got.Header.Get(name) == "" {
				t.Errorf("429 without %s: %v", name, got.Header)
			}
		}
		return true
	})
}

// recorded looks for the workload's claim on the trail.
func recorded(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"capability.claim.create"`) && strings.Contains(line, `"system:serviceaccount:tenant-payments:default"`) && strings.Contains(line, `"ledger"`) {
			return
		}
	}
	t.Error("the trail does not say who claimed over HTTP")
}
