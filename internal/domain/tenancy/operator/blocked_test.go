package operator_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// An edit that is refused leaves the tenant with the guardrails of the spec
// before it, and with nobody able to take them away.
func TestBlockedTenantIsRepaired(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, row := range []struct {
		name, condition, reason string
		edit                    func(*v1alpha1.Tenant)
		why                     string
	}{
		{
			"envelope", tenancy.ConditionReserved, tenancy.ReasonEnvelopeExceeded,
			cpu("60"),
			"the edit asks for more than the business unit has",
		},
		{
			"tier", tenancy.ConditionAccepted, tenancy.ReasonUnknownTier,
			func(t *v1alpha1.Tenant) { t.Spec.Tier = "tier-99" },
			"the edit names a tier that does not exist, so that only the old one can be planned by",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			name := "blocked-" + row.name
			namespace := "tenant-" + name
			p.unit(t, name, func(u *v1alpha1.BusinessUnit) { u.Spec.Envelope[corev1.ResourceRequestsCPU] = resource.MustParse("50") })
			p.tenant(t, name, name, cpu("10"))
			p.ready(t, name)
			p.update(t, name, func(tenant *v1alpha1.Tenant) {
				tenant.Spec.Access.Developers = append(tenant.Spec.Access.Developers, v1alpha1.Subject{Kind: "User", Name: "newcomer"})
				row.edit(tenant)
			})
			p.awaits(t, name, row.condition, metav1.ConditionFalse, row.reason)

			for _, guardrail := range []client.Object{
				&networkingv1.NetworkPolicy{ObjectMeta: at(namespace, tenancy.PolicyDefaultDeny)},
				&corev1.ResourceQuota{ObjectMeta: at(namespace, namespace+"-quota")},
				&rbacv1.RoleBinding{ObjectMeta: at(namespace, "roadbed:developers")},
			} {
				begin := time.Now()
				p.deleted(t, guardrail)
				t.Logf("%T is back after %v", guardrail, time.Since(begin).Round(time.Millisecond))
			}
			p.tampered(t, &corev1.Namespace{ObjectMeta: at("", namespace)}, func(o client.Object) {
				labels := o.GetLabels()
				delete(labels, v1alpha1.LabelTenant)
				o.SetLabels(labels)
			}, func(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelTenant] == name })
			kubetest.Eventually(t, patience, "pods are admitted", func() error { return p.isolatedNamespace(t, namespace) })

			p.isAsBefore(t, namespace)
			p.awaits(t, name, row.condition, metav1.ConditionFalse, row.reason)
			if actions := p.trail.Actions("Tenant", name); !slices.Contains(actions, "tenancy.tenant.repair") {
				t.Errorf("the repair is not on the trail: %v", actions)
			}
		})
	}
}

// isAsBefore finds nothing of the refused edit in the namespace.
func (p *platform) isAsBefore(t *testing.T, namespace string) {
	t.Helper()
	var rq corev1.ResourceQuota
	if err := p.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: namespace + "-quota"}, &rq); err != nil {
		t.Fatal(err)
	}
	if cores := rq.Spec.Hard[corev1.ResourceRequestsCPU]; cores.String() != "10" {
		t.Errorf("the quota is %s cores, want the 10 of before the edit", cores.String())
	}
	var developers rbacv1.RoleBinding
	if err := p.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "roadbed:developers"}, &developers); err != nil {
		t.Fatal(err)
	}
	if len(developers.Subjects) != 1 {
		t.Errorf("the refused edit let somebody in: %+v", developers.Subjects)
	}
}

// What a blocked tenant had in a shared namespace stays its share of the quota.
func TestBlockedTenantKeepsItsShare(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "share", func(u *v1alpha1.BusinessUnit) { u.Spec.Envelope[corev1.ResourceRequestsCPU] = resource.MustParse("10") })
	for _, name := range []string{"share-a", "share-b"} {
		p.tenant(t, name, "share", cpu("2"), func(t *v1alpha1.Tenant) {
			t.Spec.Tier, t.Spec.Model = "sandbox", v1alpha1.ModelSharedNamespace
		})
		p.ready(t, name)
	}
	p.update(t, "share-b", cpu("60"))
	p.awaits(t, "share-b", tenancy.ConditionReserved, metav1.ConditionFalse, tenancy.ReasonEnvelopeExceeded)
	namespace := tenancy.SharedNamespace("sandbox", "share")
	// A change of the other tenant has the sum made anew.
	p.update(t, "share-a", cpu("3"))
	p.ready(t, "share-a")
	kubetest.Eventually(t, patience, "the quota counts what the blocked tenant had", func() error {
		var rq corev1.ResourceQuota
		if err := p.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: namespace + "-quota"}, &rq); err != nil {
			return err
		}
		if cores := rq.Spec.Hard[corev1.ResourceRequestsCPU]; cores.String() != "5" {
			return fmt.Errorf("the quota is %s cores, want 5", cores.String())
		}
		return nil
	})
	p.deleted(t, &rbacv1.RoleBinding{ObjectMeta: at(namespace, "share-b:admins")})
}
