package capabilities_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gatewayv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// issuer is an OpenID provider of people, with a certificate of its own authority.
type issuer struct {
	*authntest.Issuer
	signer authntest.Signer
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	signer := authntest.NewSigner(t, "one")
	return &issuer{authntest.NewIssuer(t, signer), signer}
}

// token is one for a person of a tenant, with claims that say otherwise.
func (i *issuer) token(t *testing.T, name, tenant string, groups []string, otherwise map[string]any) string {
	t.Helper()
	claims := map[string]any{"kubernetes.io": nil, "sub": name, "org": map[string]any{"tenant": tenant}, "groups": groups}
	maps.Copy(claims, otherwise)
	return i.signer.Sign(t, authntest.Claims(i.URL, time.Now(), claims))
}

// people has the platform's people take tokens of an issuer. From then on a person
// of a tenant does with claims what the tenant's own roles let it, by its token alone,
// and whoever is not one is refused.
func people(t *testing.T, env *kubetest.Env, url, trailPath string) {
	t.Helper()
	from := newIssuer(t)
	acting, err := app.ActingClient(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	policy := &gatewayv1alpha1.AuthorizationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: "platform-api"}}
	if err := acting.Get(t.Context(), client.ObjectKeyFromObject(policy), policy); err != nil {
		t.Fatal(err)
	}
	policy.Spec.Issuers = append(policy.Spec.Issuers, gatewayv1alpha1.TokenIssuer{
		Type: "OIDC", URL: from.URL, Audiences: []string{"platform-api"}, JWKS: &gatewayv1alpha1.KeySet{CABundle: string(from.Authority())},
		TenantClaim: "org.tenant", GroupsClaim: "groups", GroupsPrefix: "corp:",
	})
	if err := acting.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	library := &tenancyv1.Tenant{ObjectMeta: metav1.ObjectMeta{Name: "library"}, Spec: tenancyv1.TenantSpec{
		Owner: "team-library", BusinessUnit: "retail", Tier: "tier-1", Jurisdictions: []string{"uk"}, CostCenter: "CC-2",
		Access: tenancyv1.TenantAccess{
			Developers: []tenancyv1.Subject{{Kind: "Group", Name: "corp:librarians"}}, Viewers: []tenancyv1.Subject{{Kind: "User", Name: from.URL + "#vic"}},
		},
	}}
	if err := env.Client.Create(t.Context(), library); err != nil {
		t.Fatal(err)
	}
	ready(t, env.Client, object("tenancy.roadbed.dev/v1alpha1", "Tenant", "", "library"))
	personClaims(t, env, caller{url, from.token(t, "ana", "library", []string{"librarians"}, nil)}, from.URL+"#ana", trailPath)
	othersAreRefused(t, env, from, url)
}

// personClaims goes the whole way with a claim: made, watched, read, changed, given
// up. The platform's account does it, and everywhere the person is named.
func personClaims(t *testing.T, env *kubetest.Env, ana caller, name, trailPath string) {
	t.Helper()
	made := ana.await(t, http.StatusCreated, "POST", "/v1/databases", `{"metadata": {"name": "index"}, "spec": {"connections": 5}}`)
	claim := awaitEvent(t, ana, "index")
	if asked := claim.GetAnnotations()["capability.roadbed.dev/asked-by"]; asked != name || claim.GetNamespace() != "tenant-library" {
		t.Errorf("%v is asked for by %q", made.said, asked)
	}
	live := object("claims.roadbed.dev/v1", "Database", "tenant-library", "index")
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
		t.Fatal(err)
	}
	if requester := live.GetAnnotations()["capability.roadbed.dev/requester"]; requester != "system:serviceaccount:roadbed-capabilities:platform-api.tenant-library" {
		t.Errorf("the API server knows %q", requester)
	}
	read, head := ana.ask(t, "GET", "/v1/databases/index", ""), ana.ask(t, "HEAD", "/v1/databases/index", "")
	if read.status != http.StatusOK || head.status != http.StatusOK || head.header.Get("ETag") != read.header.Get("ETag") {
		t.Errorf("read: %d %v, its head: %d %v", read.status, read.said, head.status, head.header)
	}
	if methods := ana.ask(t, "OPTIONS", "/v1/databases/index", ""); methods.status != http.StatusNoContent || methods.header.Get("Allow") == "" {
		t.Errorf("methods: %d %v", methods.status, methods.header)
	}
	ana.await(t, http.StatusOK, "PATCH", "/v1/databases/index", `{"spec": {"connections": 7}}`, "Content-Type: application/merge-patch+json")
	if gone := ana.ask(t, "DELETE", "/v1/databases/index", ""); gone.status != http.StatusAccepted {
		t.Errorf("delete: %d %v", gone.status, gone.said)
	}
	ana.await(t, http.StatusNotFound, "GET", "/v1/databases/index", "")
	text, err := os.ReadFile(trailPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"create", "patch", "delete"} {
		found := false
		for line := range strings.Lines(string(text)) {
			found = found || strings.Contains(line, `"capability.claim.`+verb+`"`) && strings.Contains(line, fmt.Sprintf("%q", name)) && strings.Contains(line, `"index"`)
		}
		if !found {
			t.Errorf("the trail does not say that %s did %s it", name, verb)
		}
	}
}

// othersAreRefused asks for the library's claims as everybody who may not.
func othersAreRefused(t *testing.T, env *kubetest.Env, from *issuer, url string) {
	t.Helper()
	librarians := []string{"librarians"}
	workload := "system:serviceaccount:tenant-library:default"
	bound := map[string]any{"namespace": "tenant-library", "serviceaccount": map[string]any{"name": "default"}}
	stranger := newIssuer(t)
	kept := `{"metadata": {"name": "kept", "namespace": "tenant-library"}, "spec": {}}`
	another := from.token(t, "pia", "payments", []string{"payments", "librarians"}, nil)
	for _, test := range []struct {
		name, token, method, path, body string
		status                          int
		says                            string
	}{
		{"a viewer reads", from.token(t, "vic", "library", nil, nil), "GET", "/v1/databases", "", 200, ""},
		{"a viewer claims", from.token(t, "vic", "library", nil, nil), "POST", "/v1/databases", kept, 403, "viewer"},
		{"no role", from.token(t, "otto", "library", []string{"payments", "corp:librarians"}, nil), "GET", "/v1/databases", "", 403, "no role"},
		{"master of systems", from.token(t, "eve", "library", []string{"system:masters"}, nil), "GET", "/v1/databases", "", 403, "no role"},
		{"another tenant's namespace", another, "GET", "/v1/databases?namespace=tenant-library", "", 403, "none of tenant"},
		{"claim into another tenant", another, "POST", "/v1/databases", kept, 403, "none of tenant"},
		{"unheard-of tenant", from.token(t, "ana", "atlantis", librarians, nil), "GET", "/v1/databases", "", 403, "no tenant"},
		{"no tenant", from.token(t, "ana", "", librarians, nil), "GET", "/v1/databases", "", 403, "no tenant"},
		{"another audience", from.token(t, "ana", "library", librarians, map[string]any{"aud": "payroll"}), "GET", "/v1/databases", "", 401, "audience"},
		{"another issuer", stranger.token(t, "ana", "library", librarians, nil), "GET", "/v1/databases", "", 401, "issuer"},
		{"another's key", stranger.token(t, "ana", "library", librarians, map[string]any{"iss": from.URL}), "GET", "/v1/databases", "", 401, "signature"},
		{"expired", from.token(t, "ana", "library", librarians, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), "GET", "/v1/databases", "", 401, "expired"},
		{"called as a workload", from.token(t, workload, "library", nil, map[string]any{"kubernetes.io": bound}), "GET", "/v1/databases", "", 403, from.URL + "#" + workload},
		{"of the cluster's issuer", from.token(t, workload, "library", librarians, map[string]any{"iss": clusterIssuer(t, env), "kubernetes.io": bound}), "GET", "/v1/databases", "", 401, "key"},
	} {
		got := caller{url, test.token}.ask(t, test.method, test.path, test.body)
		if detail := fmt.Sprint(got.said["detail"]); got.status != test.status || !strings.Contains(detail, test.says) {
			t.Errorf("%s: %d %s, want %d %q", test.name, got.status, detail, test.status, test.says)
		}
	}
}

// clusterIssuer is what the cluster's own tokens say that they are from.
func clusterIssuer(t *testing.T, env *kubetest.Env) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token(t, env.Client, "tenant-library", "default", "platform-api"), claims); err != nil {
		t.Fatal(err)
	}
	name, err := claims.GetIssuer()
	if err != nil || name == "" {
		t.Fatalf("a token of the cluster names its issuer %q, %v", name, err)
	}
	return name
}
