package reportapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
)

// http: the routes answer whom the cluster knows, with what they may list.
func (s *scene) http(t *testing.T) {
	s.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "apples", Name: "reader"}})
	s.create(t, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "apples", Name: "reader"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"openreports.io"}, Resources: []string{"reports"}, Verbs: []string{"list"},
	}}})
	s.create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "apples", Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "apples", Name: "reader"}},
	})
	direct, err := kubernetes.NewForConfig(s.env.Admin)
	check(t, err)
	mux := http.NewServeMux()
	reportapi.HTTP{Client: direct, Store: s.store}.Register(mux)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	narrow, wide, foreign := token(t, direct, reportapi.Audience), token(t, direct, ""), token(t, direct, "somebody-else")
	for _, c := range []struct {
		name, path, token string
		status            int
		wants, not        string
	}{
		{"its namespace", "/policy/reports?namespace=apples", narrow, 200, "uid-apples-web", "uid-pears-web"},
		{"with a token for the API server", "/policy/reports?namespace=apples", wide, 200, "uid-apples-web", "uid-pears-web"},
		{"by status", "/policy/reports?namespace=apples&status=pass", narrow, 200, `"items":[]`, "uid-apples-web"},
		{"what changed", "/policy/changes?namespace=apples&since=2020-01-01T00:00:00Z", narrow, 200, `"after":"fail"`, "pears"},
		{"what changed later", "/policy/changes?namespace=apples&since=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339), narrow, 200, `"items":[]`, "fail"},
		{"another namespace", "/policy/reports?namespace=pears", narrow, 403, "forbidden", "uid"},
		{"the whole cluster", "/policy/changes", wide, 403, "forbidden", "uid"},
		{"nobody", "/policy/reports", "", 401, "token", "uid"},
		{"a token that is none", "/policy/reports", "letmein", 401, "token", "uid"},
		{"a token for somebody else", "/policy/reports?namespace=apples", foreign, 401, "token", "uid"},
		{"a time that is none", "/policy/changes?since=yesterday", narrow, 400, "yesterday", "uid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+c.path, http.NoBody)
			check(t, err)
			if c.token != "" {
				request.Header.Set("Authorization", "Bearer "+c.token)
			}
			response, err := http.DefaultClient.Do(request)
			check(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			check(t, err)
			if response.StatusCode != c.status || !strings.Contains(string(body), c.wants) || strings.Contains(string(body), c.not) {
				t.Errorf("%d %s\nwant %d with %q, without %q", response.StatusCode, body, c.status, c.wants, c.not)
			}
			if c.status == http.StatusOK && !json.Valid(body) {
				t.Errorf("no JSON: %s", body)
			}
		})
	}
}

// token is one of the service account reader's, for an audience; for the API
// server where none is named.
func token(t *testing.T, direct kubernetes.Interface, audience string) string {
	t.Helper()
	asked := &authenticationv1.TokenRequest{}
	if audience != "" {
		asked.Spec.Audiences = []string{audience}
	}
	made, err := direct.CoreV1().ServiceAccounts("apples").CreateToken(t.Context(), "reader", asked, metav1.CreateOptions{})
	check(t, err)
	return made.Status.Token
}
