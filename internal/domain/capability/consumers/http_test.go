package consumers_test

import (
	"context"
	"encoding/json"
	"errors"
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
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/consumers"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// reader has the Capabilities "store" and "lost".
type reader struct{ client.Reader }

func (reader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	into.SetName(key.Name)
	into.(*v1alpha1.Capability).Spec = v1alpha1.CapabilitySpec{
		Names:    v1alpha1.ClaimNames{Kind: "Store", Plural: key.Name + "s"},
		Versions: []v1alpha1.CapabilityVersion{{Name: "v1"}, {Name: "v2"}},
	}
	return nil
}

// ledger knows who uses stores, and cannot be read for anything else.
type ledger struct{}

func (ledger) Consumers(_ context.Context, api, version string, since time.Time) ([]capability.Consumer, error) {
	if api != "stores" || !since.Equal(noon.Add(-capability.UsageWindow)) {
		return nil, errors.New("the ledger is away")
	}
	if version == "v2" {
		return []capability.Consumer{{Tenant: "zoo", Operation: "listStore", Last: noon.Add(-time.Millisecond)}}, nil
	}
	return []capability.Consumer{{Tenant: "apples", Client: "web", Operation: "createStore", Last: noon.Add(-3 * time.Second)}}, nil
}

// TestHTTP: whoever may get capabilities/consumers hears who uses which version,
// the latest first and exactly when; nobody else hears anything.
func TestHTTP(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	direct, err := kubernetes.NewForConfig(env.Admin)
	check(t, err)
	const namespace = "consumers-test"
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "publisher"}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"capabilities/consumers"}, Verbs: []string{"get"}, ResourceNames: []string{"store", "lost"},
		}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: namespace}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: namespace},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "publisher"}},
		},
	} {
		check(t, env.Client.Create(t.Context(), object))
		t.Cleanup(func() { _ = env.Client.Delete(context.WithoutCancel(t.Context()), object) }) // the plane ends soon
	}
	token := func(audiences ...string) string {
		made, err := direct.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "publisher", &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{Audiences: audiences},
		}, metav1.CreateOptions{})
		check(t, err)
		return made.Status.Token
	}
	mux := http.NewServeMux()
	consumers.HTTP{Client: direct, Reader: reader{}, Usage: ledger{}, Clock: clocktesting.NewFakePassiveClock(noon)}.Register(mux)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	narrow, wide, foreign := token(consumers.Audience), token(), token("somebody-else")
	kubetest.Eventually(t, time.Minute, "the API server knows of the rights", func() error {
		if status, body := ask(t, web.URL+consumers.Path+"?capability=store", narrow); status == http.StatusForbidden {
			return errors.New(body)
		}
		return nil
	})
	const named = `{"asOf":"2026-03-01T12:00:00Z","items":[` +
		`{"version":"v2","tenant":"zoo","operation":"listStore","last":"2026-03-01T11:59:59.999Z"},` +
		`{"version":"v1","tenant":"apples","client":"web","operation":"createStore","last":"2026-03-01T11:59:57Z"}]}`
	for _, c := range []struct {
		reason, query, token string
		status               int
		wants                string
	}{
		{"with a token for this alone", "?capability=store", narrow, 200, named},
		{"with a token for the API server", "?capability=store", wide, 200, named},
		{"a ledger that cannot be read is no empty list", "?capability=lost", narrow, 503, "the ledger is away"},
		{"a capability that RBAC leaves out", "?capability=secret", narrow, 403, `may not get capabilities/consumers.capability.roadbed.dev "secret"`},
		{"no capability", "", narrow, 400, "?capability=NAME"},
		{"nobody", "?capability=store", "", 401, "token"},
		{"a token that is none", "?capability=store", "letmein", 401, "token"},
		{"a token for somebody else", "?capability=store", foreign, 401, "token"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			status, body := ask(t, web.URL+consumers.Path+c.query, c.token)
			if status != c.status || !strings.Contains(body, c.wants) || status != 200 && strings.Contains(body, "zoo") {
				t.Errorf("%d %s\nwant %d with %q", status, body, c.status, c.wants)
			}
			if status == 200 && !json.Valid([]byte(body)) {
				t.Errorf("no JSON: %s", body)
			}
		})
	}
}

func ask(t *testing.T, url, token string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	check(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	return response.StatusCode, string(text)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
