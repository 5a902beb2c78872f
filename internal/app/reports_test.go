package app_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// reported wants an admin to read all reports, and a tenant's people theirs.
func reported(t *testing.T, env *kubetest.Env) {
	kubetest.Eventually(t, patience, "the cluster's admin reads reports", func() error {
		return listReports(t, env.Client, "")
	})
	payments := env.ClientAs(t, "ada", "corp:payments")
	kubetest.Eventually(t, patience, "a tenant's admin reads the tenant's reports", func() error {
		return listReports(t, payments, homeOf(t, env, "payments"))
	})
	for _, other := range []string{"", "kube-system"} {
		if err := listReports(t, payments, other); !apierrors.IsForbidden(err) {
			t.Errorf("a tenant's admin lists the reports of namespace %q: %v", other, err)
		}
	}
}

// homeOf is a namespace of a tenant.
func homeOf(t *testing.T, env *kubetest.Env, tenant string) string {
	var homes corev1.NamespaceList
	if err := env.Client.List(t.Context(), &homes, client.MatchingLabels{v1alpha1.LabelTenant: tenant}); err != nil || len(homes.Items) == 0 {
		t.Fatalf("tenant %q has no namespace: %v", tenant, err)
	}
	return homes.Items[0].Name
}

func listReports(t *testing.T, c client.Client, namespace string) error {
	for _, version := range reportapi.Versions() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(version.WithKind("ReportList"))
		if version.Group == "wgpolicyk8s.io" {
			list.SetKind("PolicyReportList")
		}
		if err := c.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			return err
		}
	}
	return nil
}

// withdrawn wants the registration gone with the server, and namespaces to end.
func withdrawn(t *testing.T, env *kubetest.Env) {
	for _, version := range reportapi.Versions() {
		registration := &unstructured.Unstructured{}
		registration.SetAPIVersion("apiregistration.k8s.io/v1")
		registration.SetKind("APIService")
		err := env.Client.Get(t.Context(), client.ObjectKey{Name: version.Version + "." + version.Group}, registration)
		if !apierrors.IsNotFound(err) {
			t.Errorf("%s is still registered: %v", version, err)
		}
	}
	doomed := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "doomed"}}
	if err := env.Client.Create(t.Context(), doomed); err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Delete(t.Context(), doomed); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the namespace ends", func() error {
		err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(doomed), doomed)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there: %w", err)
	})
}
