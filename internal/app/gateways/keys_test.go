package gateways_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// keys has a tenant's developer ask for an API key, which the server issues with no
// more rights than an installation gives it, and which opens the route that takes keys.
func keys(t *testing.T, env *kubetest.Env, acting client.Client, url string) {
	t.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-payments", Name: "developers"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "roadbed:tenant-developer"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "corp:payments"}},
	}
	policy := &v1alpha1.AuthorizationPolicy{}
	at := client.ObjectKey{Namespace: "platform-gateway", Name: "require-platform-jwt"}
	if err := acting.Get(t.Context(), at, policy); err != nil {
		t.Fatal(err)
	}
	policy.Spec.APIKeys = &v1alpha1.APIKeys{}
	if err := acting.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	if err := acting.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	developer, err := client.New(env.As(t, "grace", "corp:payments"), client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	wish := &v1alpha1.Subscription{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-payments", Name: "partner"}}
	kubetest.Eventually(t, patience, "a developer may ask for a key", func() error { return developer.Create(t.Context(), wish) })
	other := &v1alpha1.Subscription{ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: "partner"}}
	if err := developer.Create(t.Context(), other); err == nil {
		t.Error("a tenant's developer asks for a key outside the tenant")
	}
	secret := &corev1.Secret{}
	kubetest.Eventually(t, patience, "the key is issued", func() error {
		if err := developer.Get(t.Context(), client.ObjectKeyFromObject(wish), wish); err != nil {
			return err
		}
		if len(wish.Status.Keys) != 1 || wish.Status.Secret == "" {
			return fmt.Errorf("status %+v", wish.Status)
		}
		return developer.Get(t.Context(), client.ObjectKey{Namespace: wish.Namespace, Name: wish.Status.Secret}, secret)
	})
	key := string(secret.Data["api-key"])
	kubetest.Eventually(t, patience, "the key opens the route", func() error {
		return expect(t, url, withKey(key), http.StatusServiceUnavailable)
	})
	if err := expect(t, url, withKey(strings.ToUpper(key)), http.StatusUnauthorized); err != nil {
		t.Error(err)
	}
}

// withKey shows an API key.
func withKey(key string) http.Header { return http.Header{"X-Api-Key": {key}} }
