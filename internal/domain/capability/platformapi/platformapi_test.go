package platformapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/platformapi"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/shipped"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// tokens are who callers are.
var tokens = map[string]platformapi.Caller{
	"shop":     {Name: "ana@corp.example", Tenant: "shop", Groups: []string{"corp:guests", "corp:shop"}},
	"viewer":   {Name: "vic@corp.example", Tenant: "shop", Groups: []string{"corp:guests"}},
	"outsider": {Name: "otto@corp.example", Tenant: "shop", Groups: []string{"corp:bank", "vic@corp.example", ""}},
	"pipeline": {Name: "https://ci.example#shop", Workload: true, Tenant: "shop"},
	"workload": {Name: "system:serviceaccount:api-shop-dev:web", Workload: true, Tenant: "shop", Namespace: "api-shop-dev"},
	"key":      {Name: "APIKey#api-shop-dev/reporting", Workload: true, Tenant: "shop", Namespace: "api-shop-dev"},
	"away":     {Name: "system:serviceaccount:api-shop-test:web", Workload: true, Tenant: "shop", Namespace: "api-shop-test"},
	"bank":     {Name: "bob@corp.example", Tenant: "bank", Groups: []string{"corp:bank"}},
	"stranger": {Name: "eve@corp.example"},
}

type authenticator struct{}

func (authenticator) Authenticate(r *http.Request, _ *v1alpha1.Capability) (platformapi.Caller, error) {
	caller, ok := tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		return caller, &platformapi.RefusalError{Status: http.StatusUnauthorized, Detail: "send a token"}
	}
	return caller, nil
}

type catalogue struct{ all []*v1alpha1.Capability }

func (c catalogue) Capabilities(context.Context) ([]*v1alpha1.Capability, error) { return c.all, nil }

func (c catalogue) Namespaces(_ context.Context, tenant string) ([]string, error) {
	return map[string][]string{"shop": {"api-shop-dev", "api-shop-prod"}, "bank": {"api-bank"}}[tenant], nil
}

func (c catalogue) Tenant(_ context.Context, name string) (*tenancyv1.Tenant, error) {
	access, ok := map[string]tenancyv1.TenantAccess{
		"shop": {
			Admins:     []tenancyv1.Subject{{Kind: "Group", Name: "corp:shop"}},
			Developers: []tenancyv1.Subject{{Kind: "User", Name: "https://ci.example#shop"}},
			Viewers:    []tenancyv1.Subject{{Kind: "Group", Name: "corp:guests"}, {Kind: "User", Name: "corp:bank"}},
		},
		"bank": {Developers: []tenancyv1.Subject{{Name: "corp:bank"}}},
	}[name]
	if !ok {
		return nil, nil
	}
	return &tenancyv1.Tenant{Spec: tenancyv1.TenantSpec{Access: access}}, nil
}

type memory struct {
	mu      sync.Mutex
	records []trail.Record
}

func (m *memory) Record(_ context.Context, r trail.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
	return nil
}

type api struct {
	server *httptest.Server
	trail  *memory
	admin  client.Client
	// meddle is how many changes somebody gets in before.
	meddle atomic.Int32
	// contract is nil before the API is up.
	contract *contract
}

// start serves the shipped databases on the real API server, with the accounts
// guarded.
func start(t *testing.T) *api {
	t.Helper()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	check(t, apiextensionsv1.AddToScheme(env.Scheme))
	roadbed := env.As(t, identity.Roadbed, append(identity.RoadbedGroups(), "system:masters")...)
	admin, err := client.New(roadbed, client.Options{Scheme: env.Scheme})
	check(t, err)
	for _, name := range []string{account.Namespace, "api-shop-dev", "api-shop-prod", "api-bank"} {
		check(t, admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"tenancy.roadbed.dev/tenant": "x"}}}))
	}
	for _, guard := range account.Guards() {
		check(t, admin.Create(t.Context(), guard))
	}
	all, err := shipped.Capabilities()
	check(t, err)
	for _, each := range all {
		planned, err := capability.Plan(each, capability.Settings{}, capability.World{})
		check(t, err)
		check(t, admin.Create(t.Context(), planned.Definition))
	}
	known := catalogue{all}
	a := &api{trail: &memory{}, admin: admin}
	acting := rest.CopyConfig(roadbed)
	acting.Wrap(a.meddler)
	accounts, err := platformapi.NewImpersonation(acting, known, a.trail, clock.RealClock{})
	check(t, err)
	a.server = httptest.NewServer(platformapi.New(authenticator{}, known, accounts,
		platformapi.Documents{OpenAPI: capability.OpenAPI, Docs: capability.Docs}, a.trail, slog.New(slog.DiscardHandler)))
	t.Cleanup(a.server.Close)
	kubetest.Eventually(t, time.Minute, "the kind is served", func() error {
		if status, body, _ := a.call(t, "shop", "GET", "/v1/databases", "", nil); status != http.StatusOK {
			return io.ErrUnexpectedEOF
		} else if len(body["items"].([]any)) != 0 {
			t.Errorf("items %v", body)
		}
		return nil
	})
	a.contract = contractOf(t, a.server.URL)
	return a
}

func (a *api) call(t *testing.T, token, method, path, body string, header map[string]string) (int, map[string]any, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.server.URL+path, strings.NewReader(body))
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for key, value := range header {
		request.Header.Set(key, value)
	}
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	var decoded map[string]any
	if a.contract != nil {
		a.contract.holds(t, request, body, response, text)
	}
	if len(text) > 0 && strings.Contains(response.Header.Get("Content-Type"), "json") {
		check(t, json.Unmarshal(text, &decoded))
	}
	return response.StatusCode, decoded, response.Header
}

const orders = `{"metadata": {"name": "orders", "namespace": "api-shop-dev"}, "spec": {"connections": 5}}`

// TestAPI: one API server, every operation.
func TestAPI(t *testing.T) {
	t.Parallel()
	a := start(t)
	t.Run("life", a.life)
	t.Run("refusals", a.refusals)
	t.Run("rights", a.rights)
	t.Run("members", a.members)
	t.Run("idempotency", a.idempotency)
	t.Run("pages", a.pages)
	t.Run("watch", a.watch)
	t.Run("resumed", a.resumed)
	t.Run("negotiation", a.negotiation)
	t.Run("versions", a.versions)
	t.Run("bodies", a.bodies)
	t.Run("documents", a.documents)
}

func (a *api) life(t *testing.T) {
	status, made, header := a.call(t, "shop", "POST", "/v1/databases", orders, nil)
	if status != http.StatusCreated || header.Get("Location") != "/v1/databases/orders?namespace=api-shop-dev" || header.Get("ETag") == "" {
		t.Fatalf("%d %v %v", status, made, header)
	}
	tag := header.Get("ETag")
	status, read, header := a.call(t, "workload", "GET", "/v1/databases/orders", "", nil)
	if status != http.StatusOK || header.Get("ETag") != tag || read["spec"].(map[string]any)["connections"] != 5.0 {
		t.Errorf("%d %v", status, read)
	}
	if _, given := read["metadata"].(map[string]any)["managedFields"]; given {
		t.Error("managed fields are for Kubernetes")
	}
	if status, _, _ := a.call(t, "shop", "GET", "/v1/databases/orders?namespace=api-shop-dev", "", map[string]string{"If-None-Match": tag}); status != http.StatusNotModified {
		t.Errorf("not modified: %d", status)
	}
	merge := map[string]string{"Content-Type": "application/merge-patch+json", "If-Match": tag}
	status, changed, _ := a.call(t, "workload", "PATCH", "/v1/databases/orders", `{"spec": {"connections": 7}}`, merge)
	if status != http.StatusOK || changed["spec"].(map[string]any)["connections"] != 7.0 {
		t.Errorf("merge: %d %v", status, changed)
	}
	if status, said, _ := a.call(t, "workload", "PATCH", "/v1/databases/orders", `{"spec": {"connections": 8}}`, merge); status != http.StatusPreconditionFailed {
		t.Errorf("stale: %d %v", status, said)
	}
	patch := map[string]string{"Content-Type": "application/json-patch+json"}
	status, changed, _ = a.call(t, "workload", "PATCH", "/v1/databases/orders",
		`[{"op": "test", "path": "/spec/connections", "value": 7}, {"op": "replace", "path": "/spec/connections", "value": 9}]`, patch)
	if status != http.StatusOK || changed["spec"].(map[string]any)["connections"] != 9.0 {
		t.Errorf("json patch: %d %v", status, changed)
	}
	if status, said, _ := a.call(t, "workload", "PATCH", "/v1/databases/orders", `[{"op": "test", "path": "/spec/connections", "value": 7}]`, patch); status != http.StatusUnprocessableEntity {
		t.Errorf("a test that fails: %d %v", status, said)
	}
	if status, _, _ := a.call(t, "shop", "DELETE", "/v1/databases/orders?namespace=api-shop-dev", "", nil); status != http.StatusAccepted {
		t.Errorf("delete: %d", status)
	}
	if status, _, _ := a.call(t, "shop", "GET", "/v1/databases/orders", "", nil); status != http.StatusNotFound {
		t.Errorf("after it is deleted: %d", status)
	}
	a.trail.mu.Lock()
	defer a.trail.mu.Unlock()
	var did []string
	for _, r := range a.trail.records {
		if r.Action == "capability.account.grant" && r.Actor.Name == identity.Roadbed {
			continue // once for each namespace
		}
		did = append(did, r.Actor.Name+" "+r.Action+" "+r.Object.Namespace+"/"+r.Object.Name)
	}
	want := []string{
		"ana@corp.example capability.claim.create api-shop-dev/orders",
		"system:serviceaccount:api-shop-dev:web capability.claim.patch api-shop-dev/orders",
		"system:serviceaccount:api-shop-dev:web capability.claim.patch api-shop-dev/orders",
		"ana@corp.example capability.claim.delete api-shop-dev/orders",
	}
	if !slices.Equal(did, want) {
		t.Errorf("the trail has %q", did)
	}
}

func (a *api) refusals(t *testing.T) {
	merge := map[string]string{"Content-Type": "application/merge-patch+json"}
	a.call(t, "shop", "POST", "/v1/databases", strings.Replace(orders, "orders", "kept", 1), nil)
	for _, test := range []struct {
		name, token, method, path, body string
		header                          map[string]string
		status                          int
		says                            string
	}{
		{"nobody", "", "GET", "/v1/databases", "", nil, 401, "token"},
		{"without a tenant", "stranger", "GET", "/v1/databases", "", nil, 403, "tenant"},
		{"no API", "shop", "GET", "/v1/toasters", "", nil, 404, "openapi"},
		{"no version", "shop", "GET", "/v2/databases", "", nil, 404, "openapi"},
		{"no path", "shop", "GET", "/v1", "", nil, 400, "path"},
		{"unknown parameter", "shop", "GET", "/v1/databases?fieldSelector=x", "", nil, 400, "no such parameter"},
		{"limit", "shop", "GET", "/v1/databases?limit=0", "", nil, 400, "1 to 500"},
		{"continue", "shop", "GET", "/v1/databases?continue=e30", "", nil, 400, "continue"},
		{"another tenant's namespace", "bank", "GET", "/v1/databases?namespace=api-shop-dev", "", nil, 403, "none of tenant"},
		{"another tenant's claim", "bank", "GET", "/v1/databases/kept", "", nil, 404, "api-bank"},
		{"another tenant's claim deleted", "bank", "DELETE", "/v1/databases/kept", "", nil, 404, ""},
		{"claim into another's namespace", "bank", "POST", "/v1/databases", orders, nil, 403, "none of tenant"},
		{"where?", "shop", "POST", "/v1/databases", `{"metadata": {"name": "x"}, "spec": {}}`, nil, 400, "namespace"},
		{"two places", "shop", "POST", "/v1/databases?namespace=api-shop-prod", orders, nil, 422, "metadata.namespace"},
		{"unknown field", "bank", "POST", "/v1/databases", `{"metadata": {"name": "x"}, "spec": {"conections": 5}}`, nil, 422, "spec.conections"},
		{"out of bounds", "bank", "POST", "/v1/databases", `{"metadata": {"name": "x"}, "spec": {"connections": 500}}`, nil, 422, "spec.connections"},
		{"no name", "bank", "POST", "/v1/databases", `{"metadata": {}, "spec": {}}`, nil, 422, "metadata.name"},
		{"bad name", "bank", "POST", "/v1/databases", `{"metadata": {"name": "A b"}, "spec": {}}`, nil, 422, "metadata.name"},
		{"finalizers", "bank", "POST", "/v1/databases", `{"metadata": {"name": "x", "finalizers": ["a/b"]}, "spec": {}}`, nil, 422, "metadata.finalizers"},
		{"platform's label", "bank", "POST", "/v1/databases", `{"metadata": {"name": "x", "labels": {"tenancy.roadbed.dev/tenant": "shop"}}, "spec": {}}`, nil, 422, "set by the platform"},
		{"another kind", "bank", "POST", "/v1/databases", `{"kind": "Bucket", "metadata": {"name": "x"}, "spec": {}}`, nil, 422, "kind"},
		{"no JSON", "bank", "POST", "/v1/databases", `{`, nil, 400, "JSON"},
		{"not JSON", "bank", "POST", "/v1/databases", `a: b`, map[string]string{"Content-Type": "application/yaml"}, 415, "application/json"},
		{"too long", "bank", "POST", "/v1/databases", `"` + strings.Repeat("a", 1<<20) + `"`, nil, 413, "bytes"},
		{"too long a key", "bank", "POST", "/v1/databases", orders, map[string]string{"Idempotency-Key": strings.Repeat("a", 129)}, 403, ""},
		{"twice", "shop", "POST", "/v1/databases", strings.Replace(orders, "orders", "kept", 1), nil, 409, "already exists"},
		{"method", "shop", "PUT", "/v1/databases/kept", "", nil, 405, "GET, HEAD, OPTIONS, PATCH, DELETE"},
		{"patch of the status", "workload", "PATCH", "/v1/databases/kept", `{"status": {"endpoint": "evil"}}`, merge, 422, "status"},
		{"patch of an owner", "workload", "PATCH", "/v1/databases/kept", `{"metadata": {"ownerReferences": []}}`, merge, 422, "metadata.ownerReferences"},
		{"patch of the platform's annotation", "workload", "PATCH", "/v1/databases/kept", `{"metadata": {"annotations": {"capability.roadbed.dev/requester": null}}}`, merge, 422, "set by the platform"},
		{"patch of all labels", "workload", "PATCH", "/v1/databases/kept", `{"metadata": {"labels": null}}`, merge, 422, "metadata.labels"},
		{"patch of an unknown field", "workload", "PATCH", "/v1/databases/kept", `{"spec": {"conections": 5}}`, merge, 422, "spec.conections"},
		{"patch that is none", "workload", "PATCH", "/v1/databases/kept", `[]`, merge, 400, "JSON object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, said, header := a.call(t, test.token, test.method, test.path, test.body, test.header)
			text, err := json.Marshal(said)
			check(t, err)
			if status != test.status || !strings.Contains(string(text), test.says) {
				t.Errorf("%d %s, want %d %q", status, text, test.status, test.says)
			}
			if header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("it is %s", header.Get("Content-Type"))
			}
		})
	}
}

func (a *api) idempotency(t *testing.T) {
	body := `{"metadata": {"name": "once"}, "spec": {"connections": 5}}`
	key := map[string]string{"Idempotency-Key": "k-1"}
	_, first, _ := a.call(t, "bank", "POST", "/v1/databases", body, key)
	status, second, _ := a.call(t, "bank", "POST", "/v1/databases", ` {"spec": {"connections": 5}, "metadata": {"name": "once"}}`, key)
	uid := func(of map[string]any) any { return of["metadata"].(map[string]any)["uid"] }
	if status != http.StatusCreated || uid(first) == nil || uid(first) != uid(second) {
		t.Errorf("again: %d %v", status, second)
	}
	if status, said, _ := a.call(t, "bank", "POST", "/v1/databases", strings.Replace(body, "5", "6", 1), key); status != http.StatusUnprocessableEntity {
		t.Errorf("another body: %d %v", status, said)
	}
	if status, said, _ := a.call(t, "bank", "POST", "/v1/databases", body, map[string]string{"Idempotency-Key": "k-2"}); status != http.StatusConflict {
		t.Errorf("another key: %d %v", status, said)
	}
}

func (a *api) pages(t *testing.T) {
	for _, name := range []string{"p1", "p2", "p3"} {
		for _, namespace := range []string{"api-shop-dev", "api-shop-prod"} {
			a.call(t, "shop", "POST", "/v1/buckets", `{"metadata": {"name": "`+name+`", "namespace": "`+namespace+`"}, "spec": {}}`, nil)
		}
	}
	seen, pages, next := map[string]bool{}, 0, ""
	for {
		status, body, _ := a.call(t, "shop", "GET", "/v1/buckets?limit=2&continue="+next, "", nil)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, body)
		}
		pages++
		for _, item := range body["items"].([]any) {
			metadata := item.(map[string]any)["metadata"].(map[string]any)
			seen[metadata["namespace"].(string)+"/"+metadata["name"].(string)] = true
		}
		if next, _ = body["metadata"].(map[string]any)["continue"].(string); next == "" {
			break
		}
	}
	if len(seen) != 6 || pages < 3 || pages > 4 {
		t.Errorf("%d pages, %v", pages, slices.Sorted(maps.Keys(seen)))
	}
}

func (a *api) documents(t *testing.T) {
	status, document, _ := a.call(t, "", "GET", "/openapi.json", "", nil)
	paths := document["paths"].(map[string]any)
	if status != http.StatusOK || paths["/v1/databases/{name}"] == nil || paths["/v1beta1/clouddatabases"] == nil {
		t.Errorf("%d %v", status, slices.Sorted(maps.Keys(paths)))
	}
	for path, want := range map[string]string{"/docs": "/docs/databases", "/docs/databases": "<h", "/docs/toasters": "no such API"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.server.URL+path, nil)
		check(t, err)
		response, err := http.DefaultClient.Do(request)
		check(t, err)
		text, err := io.ReadAll(response.Body)
		check(t, err)
		response.Body.Close()
		if !strings.Contains(string(text), want) || strings.Contains(string(text), "<script") || strings.Contains(string(text), "src=") {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
