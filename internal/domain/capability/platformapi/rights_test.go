package platformapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// rights: what lives in a namespace claims there, and does no more than the
// cluster's own rules let it.
func (a *api) rights(t *testing.T) {
	merge := map[string]string{"Content-Type": "application/merge-patch+json"}
	claim := func(name, namespace string) string {
		return strings.NewReplacer("orders", name, "api-shop-dev", namespace).Replace(orders)
	}
	for _, name := range []string{"by-web", "by-key"} {
		a.call(t, "shop", "POST", "/v1/databases", claim(name, "api-shop-prod"), nil)
	}
	for token, name := range map[string]string{"workload": "by-web", "key": "by-key"} {
		path := "/v1/databases/" + name
		for _, test := range []struct {
			method, path, body string
			header             map[string]string
			status             int
		}{
			{"POST", "/v1/databases", claim(name, "api-shop-dev"), nil, http.StatusCreated},
			{"GET", "/v1/databases", "", nil, http.StatusOK},
			{"GET", path, "", nil, http.StatusOK},
			{"PATCH", path, `{"spec": {"connections": 7}}`, merge, http.StatusOK},
			{"DELETE", path, "", nil, http.StatusForbidden},
			{"POST", "/v1/databases", claim("x", "api-shop-prod"), nil, http.StatusForbidden},
			{"GET", "/v1/databases?namespace=api-shop-prod", "", nil, http.StatusForbidden},
			{"GET", "/v1/databases?watch=true&namespace=api-shop-prod", "", nil, http.StatusForbidden},
			{"GET", path + "?namespace=api-shop-prod", "", nil, http.StatusForbidden},
			{"PATCH", path + "?namespace=api-shop-prod", `{"spec": {"connections": 7}}`, merge, http.StatusForbidden},
			{"DELETE", path + "?namespace=api-shop-prod", "", nil, http.StatusForbidden},
		} {
			if status, said, _ := a.call(t, token, test.method, test.path, test.body, test.header); status != test.status {
				t.Errorf("%s: %s %s is %d %v, want %d", token, test.method, test.path, status, said, test.status)
			}
		}
	}
	if status, said, _ := a.call(t, "away", "GET", "/v1/databases", "", nil); status != http.StatusForbidden {
		t.Errorf("from a namespace that is none of the tenant's any more: %d %v", status, said)
	}
	a.allow(t, "api-shop-dev", "delete", rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "api-shop-dev", Name: "web"})
	a.allow(t, "api-shop-prod", "get", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:serviceaccounts:api-shop-dev"})
	a.allow(t, "api-shop-dev", "delete", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "APIKey#api-shop-dev/reporting"})
	for _, test := range []struct {
		token, method, path string
		status              int
	}{
		{"workload", "GET", "/v1/databases/by-web?namespace=api-shop-prod", http.StatusOK},
		{"workload", "DELETE", "/v1/databases/by-web", http.StatusAccepted},
		{"key", "DELETE", "/v1/databases/by-key", http.StatusAccepted},
	} {
		kubetest.Eventually(t, time.Minute, "a role allows "+test.token+" "+test.method, func() error {
			if status, said, _ := a.call(t, test.token, test.method, test.path, "", nil); status != test.status {
				return fmt.Errorf("%d %v", status, said)
			}
			return nil
		})
	}
	if status, _, _ := a.call(t, "workload", "DELETE", "/v1/databases/by-web?namespace=api-shop-prod", "", nil); status != http.StatusForbidden {
		t.Errorf("deleted where it may only read: %d", status)
	}
	for _, name := range []string{"by-web", "by-key"} {
		a.call(t, "shop", "DELETE", "/v1/databases/"+name+"?namespace=api-shop-prod", "", nil)
	}
}

// members: who comes from outside of the cluster has what the Tenant gives him, in
// all of its namespaces, and nothing for being of the tenant alone.
func (a *api) members(t *testing.T) {
	merge := map[string]string{"Content-Type": "application/merge-patch+json"}
	claim := strings.NewReplacer("orders", "members", "api-shop-dev", "api-shop-prod").Replace(orders)
	const path = "/v1/databases/members?namespace=api-shop-prod"
	for _, test := range []struct {
		token, method, path, body string
		header                    map[string]string
		status                    int
		says                      string
	}{
		{"viewer", "POST", "/v1/databases", claim, nil, http.StatusForbidden, "viewer"},
		{"outsider", "POST", "/v1/databases", claim, nil, http.StatusForbidden, "spec.access"},
		{"pipeline", "POST", "/v1/databases", claim, nil, http.StatusCreated, ""},
		{"viewer", "GET", "/v1/databases", "", nil, http.StatusOK, ""},
		{"viewer", "GET", path, "", nil, http.StatusOK, ""},
		{"viewer", "PATCH", path, `{"spec": {"connections": 7}}`, merge, http.StatusForbidden, "viewer"},
		{"viewer", "DELETE", path, "", nil, http.StatusForbidden, "may not delete databases"},
		{"viewer", "DELETE", "/v1/databases/members", "", nil, http.StatusForbidden, "viewer"},
		{"outsider", "GET", "/v1/databases", "", nil, http.StatusForbidden, "spec.access"},
		{"outsider", "GET", "/v1/databases?watch=true", "", nil, http.StatusForbidden, "spec.access"},
		{"outsider", "DELETE", path, "", nil, http.StatusForbidden, "spec.access"},
		{"pipeline", "PATCH", path, `{"spec": {"connections": 7}}`, merge, http.StatusOK, ""},
		{"shop", "DELETE", path, "", nil, http.StatusAccepted, ""},
	} {
		status, said, _ := a.call(t, test.token, test.method, test.path, test.body, test.header)
		if status != test.status || !strings.Contains(fmt.Sprint(said["detail"]), test.says) {
			t.Errorf("%s: %s %s is %d %v, want %d %q", test.token, test.method, test.path, status, said, test.status, test.says)
		}
	}
}

// allow binds a role with one verb on databases.
func (a *api) allow(t *testing.T, namespace, verb string, to rbacv1.Subject) {
	t.Helper()
	named := metav1.ObjectMeta{Namespace: namespace, GenerateName: "databases-"}
	role := &rbacv1.Role{ObjectMeta: named, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"claims.roadbed.dev"}, Resources: []string{"databases"}, Verbs: []string{verb},
	}}}
	check(t, a.admin.Create(t.Context(), role))
	check(t, a.admin.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: named, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}, Subjects: []rbacv1.Subject{to},
	}))
}
