package lookup_test

import (
	"net/http"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/lookup"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

func configMaps() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
}

// reader looks things up with Roadbed's rights on a real API server.
func reader(t *testing.T) *lookup.Lookup {
	t.Helper()
	env := kubetest.Start(t)
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: identity.SystemNamespace}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "lookup"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "lookup", Name: "one", Labels: map[string]string{"n": "1"}}, Data: map[string]string{"a": "b"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "lookup", Name: "two", Labels: map[string]string{"n": "2"}}},
	}
	for _, object := range append(objects, rbac.Objects()...) {
		if err := env.Client.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	config := env.As(t, identity.Roadbed, identity.RoadbedGroups()...)
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lookup.New(config, http)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLookup reads what policies may, and says by name what they may not.
func TestLookup(t *testing.T) {
	t.Parallel()
	l := reader(t)
	one, err := l.Get(t.Context(), configMaps(), "lookup", "one")
	if err != nil || one["data"].(map[string]any)["a"] != "b" {
		t.Errorf("got %v, %v", one, err)
	}
	if _, err := l.Get(t.Context(), configMaps(), "lookup", "three"); !apierrors.IsNotFound(err) {
		t.Errorf("an absent object: %v", err)
	}
	if found, err := l.List(t.Context(), configMaps(), "lookup", map[string]string{"n": "2"}); err != nil || len(found) != 1 {
		t.Errorf("%d objects with the label, %v", len(found), err)
	}
	answer, err := l.Call(t.Context(), "", "/api/v1/namespaces/lookup/configmaps?labelSelector=n%3D1", nil)
	if err != nil || len(answer.(map[string]any)["items"].([]any)) != 1 {
		t.Errorf("got %v, %v", answer, err)
	}
	review := authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"},
		Spec:     authorizationv1.SubjectAccessReviewSpec{User: "nobody", ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"}},
	}
	answer, err = l.Call(t.Context(), http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
	if err != nil || answer.(map[string]any)["status"].(map[string]any)["allowed"] != false {
		t.Errorf("nobody may read pods: %v, %v", answer, err)
	}
}

// TestLookupRefuses holds whatever rights Roadbed has.
func TestLookupRefuses(t *testing.T) {
	t.Parallel()
	l := reader(t)
	if _, err := l.Get(t.Context(), schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, identity.SystemNamespace, "x"); !apierrors.IsForbidden(err) {
		t.Errorf("a Secret: %v", err)
	}
	leases := schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	if _, err := l.List(t.Context(), leases, "", nil); err == nil || !strings.Contains(err.Error(), "bind the user "+identity.Roadbed) {
		t.Errorf("a kind that the reader may not read: %v", err)
	}
	if _, err := l.Global(t.Context(), "entry"); err == nil || !strings.Contains(err.Error(), "not supported") {
		t.Errorf("the global context: %v", err)
	}
	for _, test := range []struct{ name, method, path, words string }{
		{"Secrets", "GET", "/api/v1/namespaces/roadbed-system/secrets/x", "policies read no Secrets"},
		{"Secrets, written otherwise", "GET", "/api/v1/namespaces/roadbed-system/%73ecrets", "policies read no Secrets"},
		{"Secrets, by a detour", "GET", "/api/v1/configmaps/../secrets", "goes up"},
		{"another host", "GET", "https://other.example/api", "begin with /api/"},
		{"another host, of the same scheme", "GET", "//other.example/api", "begin with /api/"},
		{"writing", "DELETE", "/api/v1/namespaces/lookup", "may only read"},
		{"posting", "POST", "/api/v1/namespaces", "may only read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := l.Call(t.Context(), test.method, test.path, nil); err == nil || !strings.Contains(err.Error(), test.words) {
				t.Errorf("%v lacks %q", err, test.words)
			}
		})
	}
}
