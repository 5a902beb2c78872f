package gateways_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/kernel/freeport"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const patience = time.Minute

// TestGateway goes the way of a route: the example's objects, a workload's own
// token, a tenant's API key, and what the gateway says of callers without one and beyond their rate.
// The backend has no endpoint here, so 503 is what a request that passes gets.
func TestGateway(t *testing.T) {
	t.Parallel()
	env := kubetest.Private(t)
	gates := map[string]bool{gateways.Gate: true}
	apptest.Install(t, env.Admin, gates)
	apptest.Run(t, apptest.Options(t.TempDir(), env.As(t, identity.Roadbed, identity.RoadbedGroups()...), gates))
	acting, err := app.ActingClient(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	port := int(freeport.Draw(t).Port())
	apply(t, acting, port)
	token := workload(t, acting)
	url := fmt.Sprintf("http://127.0.0.1:%d/v1/databases", port)

	kubetest.Eventually(t, patience, "a caller without a token is refused", func() error {
		return expect(t, url, nil, http.StatusUnauthorized)
	})
	kubetest.Eventually(t, patience, "a workload's token is taken", func() error {
		return expect(t, url, withToken(token), http.StatusServiceUnavailable)
	})
	if err := expect(t, url, withToken(token+"x"), http.StatusUnauthorized); err != nil {
		t.Error(err)
	}
	keys(t, env, acting, url)
	apptest.UseUp(t, 100, time.Minute, func() bool {
		return expect(t, url, withToken(token), http.StatusTooManyRequests) == nil
	})
}

// apply creates the example's objects, with another port for the Gateway.
func apply(t *testing.T, c client.Client, port int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", "gateway", "route.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	documents, mistakes := yamldoc.Split("route.yaml", text)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	for _, document := range documents {
		object := &unstructured.Unstructured{Object: document.Object()}
		if object.GetKind() == "Gateway" {
			listeners, _, _ := unstructured.NestedSlice(object.Object, "spec", "listeners")
			listeners[0].(map[string]any)["port"] = int64(port)
			if err := unstructured.SetNestedSlice(object.Object, listeners, "spec", "listeners"); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// workload is a tenant's service account, as its token.
func workload(t *testing.T, c client.Client) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "tenant-payments", Labels: map[string]string{tenancyv1.LabelTenant: "payments", tenancyv1.LabelBusinessUnit: "retail"},
	}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "api"}}
	for _, object := range []client.Object{namespace, account} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"platform-api"}}}
	if err := c.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// withToken shows a token.
func withToken(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// expect makes a request and wants a status of its answer.
func expect(t *testing.T, url string, credential http.Header, status int) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Host = "api.platform.corp.com"
	maps.Copy(request.Header, credential)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // nothing of it is wanted
	if answer.StatusCode != status {
		return fmt.Errorf("status %d, want %d", answer.StatusCode, status)
	}
	if status == http.StatusTooManyRequests && (answer.Header.Get("Retry-After") == "" || answer.Header.Get("RateLimit") == "") {
		return errors.New("429 without Retry-After or RateLimit")
	}
	return nil
}
