package operator_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// Whoever makes a namespace before the tenant comes, and furnishes it like one
// of Roadbed's, does not get the tenant into it: his bindings are still there.
func TestForgedNamespaceIsNotTakenOver(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "forged")
	const namespace = "tenant-forged-a"
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	p.create(t, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: namespace + "-quota",
		Labels: map[string]string{v1alpha1.LabelTenant: "forged-a", v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
	}})
	p.tenant(t, "forged-a", "forged")
	p.awaits(t, "forged-a", tenancy.ConditionAccepted, metav1.ConditionFalse, tenancy.ReasonNamespaceTaken)
	p.nobodys(t, namespace)
}

// The same where small tenants live together: the business unit says so and
// goes on once the namespace is gone.
func TestSharedNamespaceIsNotTakenOver(t *testing.T) {
	t.Parallel()
	p := start(t)
	namespace := tenancy.SharedNamespace("sandbox", "squat")
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	unit := p.unit(t, "squat")
	p.tenant(t, "squat-a", "squat", cpu("2"), func(t *v1alpha1.Tenant) {
		t.Spec.Tier, t.Spec.Model = "sandbox", v1alpha1.ModelSharedNamespace
	})
	kubetest.Eventually(t, patience, "the business unit says that the namespace is taken", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(unit), unit); err != nil {
			return err
		}
		return wantReason(unit.Status.Conditions, condition.Ready, tenancy.ReasonNamespaceTaken)
	})
	p.awaits(t, "squat-a", tenancy.ConditionProvisioned, metav1.ConditionFalse, tenancy.ReasonSharedNamespacePending)
	p.nobodys(t, namespace)
	var bindings corev1.ServiceAccountList
	of := client.MatchingLabels{v1alpha1.LabelTenant: "squat-a"}
	if err := p.client.List(t.Context(), &bindings, client.InNamespace(namespace), of); err != nil || len(bindings.Items) > 0 {
		t.Errorf("the tenant moved in nevertheless: %v, %v", bindings.Items, err)
	}

	if err := p.client.Delete(t.Context(), namespaceNamed(namespace)); err != nil {
		t.Fatal(err)
	}
	p.ready(t, "squat-a")
}

// nobodys fails if the namespace became a tenant's.
func (p *platform) nobodys(t *testing.T, namespace string) {
	t.Helper()
	ns := namespaceNamed(namespace)
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(ns), ns); err != nil {
		t.Fatal(err)
	}
	if label := ns.Labels[v1alpha1.LabelTenant]; label != "" {
		t.Errorf("namespace %q was taken over for %q", namespace, label)
	}
}

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func wantReason(conditions []metav1.Condition, kind, reason string) error {
	if c := condition.Get(conditions, kind); c == nil || c.Reason != reason {
		return fmt.Errorf("conditions %+v", conditions)
	}
	return nil
}
