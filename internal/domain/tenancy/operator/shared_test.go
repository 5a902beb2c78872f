package operator_test

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// model makes a tenant a sandbox of this model.
func model(m v1alpha1.IsolationModel) func(*v1alpha1.Tenant) {
	return func(t *v1alpha1.Tenant) { t.Spec.Tier, t.Spec.Model = "sandbox", m }
}

// offboarded waits until the procedure has come to its end.
func (p *platform) offboarded(t *testing.T, name string) *v1alpha1.Tenant {
	t.Helper()
	var tenant *v1alpha1.Tenant
	kubetest.Eventually(t, 2*patience, "tenant "+name+" is offboarded", func() error {
		if tenant = p.read(t, name); !condition.IsTrue(tenant.Status.Conditions, tenancy.ConditionOffboarded) {
			return fmt.Errorf("%+v", tenant.Status.Offboarding)
		}
		return nil
	})
	return tenant
}

// Of a shared namespace a tenant that is offboarded takes its own access with it,
// and nothing of the others.
func TestOffboardingFromASharedNamespace(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "parting")
	for _, name := range []string{"parting-a", "parting-b"} {
		p.tenant(t, name, "parting", cpu("2"), model(v1alpha1.ModelSharedNamespace))
		p.ready(t, name)
	}
	namespace := tenancy.SharedNamespace("sandbox", "parting")
	p.create(t, &corev1.Secret{ObjectMeta: at(namespace, "of-others")})
	p.offboard(t, "parting-b")
	left := p.offboarded(t, "parting-b")
	exported := map[string]bool{}
	for _, object := range p.exports.of("parting-b") {
		exported[object.GetKind()+"/"+object.GetName()] = true
	}
	for name, want := range map[string]bool{
		"Tenant/parting-b": true, "RoleBinding/parting-b:admins": true, "ServiceAccount/parting-b-deployer": true,
		"RoleBinding/parting-a:admins": false, "Secret/of-others": false,
	} {
		if exported[name] != want {
			t.Errorf("%s is in the export: %v; it has %v", name, !want, sortedKeys(exported))
		}
	}
	if told := left.Status.Namespaces; len(told) != 1 || told[0].Name != namespace || told[0].Isolated {
		t.Errorf("its namespaces are told as %+v", told)
	}
	if err := p.gone(t, &rbacv1.RoleBinding{ObjectMeta: at(namespace, "parting-b:admins")}); err != nil {
		t.Error(err)
	}
	p.ready(t, "parting-a")
	if err := errors.Join(p.isolatedNamespace(t, namespace), p.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "of-others"}, &corev1.Secret{})); err != nil {
		t.Error(err)
	}
}

// A tenant that moved into a shared namespace keeps the one it had until it is
// offboarded, and then loses both.
func TestOffboardingOfATenantThatMoved(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "moved")
	p.tenant(t, "moved-a", "moved", cpu("2"), model(v1alpha1.ModelNamespace))
	p.ready(t, "moved-a")
	p.create(t, &corev1.ConfigMap{ObjectMeta: at("tenant-moved-a", "kept")})
	p.update(t, "moved-a", model(v1alpha1.ModelSharedNamespace))
	p.ready(t, "moved-a")
	p.offboard(t, "moved-a")
	left := p.offboarded(t, "moved-a")
	found := false
	for _, object := range p.exports.of("moved-a") {
		found = found || object.GetKind() == "ConfigMap" && object.GetName() == "kept"
	}
	if !found {
		t.Error("what was in its own namespace is not in the export")
	}
	told := map[string]string{}
	for _, ns := range left.Status.Namespaces {
		told[ns.Name] = ns.Message
	}
	if told["tenant-moved-a"] != "deleted by the offboarding" || told[tenancy.SharedNamespace("sandbox", "moved")] != "the tenant has no part in this shared namespace any more" {
		t.Errorf("its namespaces are told as %v", told)
	}
	if err := p.gone(t, &corev1.Namespace{ObjectMeta: at("", "tenant-moved-a")}); err != nil {
		t.Error(err)
	}
	if held := p.reservations(t, "moved"); held["moved-a"] != "" {
		t.Errorf("it still holds %s cores", held["moved-a"])
	}
}

// The namespace that such a tenant had before stays isolated when the Tenant
// object is deleted.
func TestDeletingATenantThatMoved(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "strays")
	p.tenant(t, "strays-a", "strays", cpu("2"), model(v1alpha1.ModelNamespace))
	p.ready(t, "strays-a")
	p.update(t, "strays-a", model(v1alpha1.ModelSharedNamespace))
	p.ready(t, "strays-a")
	if err := p.client.Delete(t.Context(), p.read(t, "strays-a")); err != nil {
		t.Fatal(err)
	}
	shared := tenancy.SharedNamespace("sandbox", "strays")
	kubetest.Eventually(t, patience, "the Tenant object is gone, and its access to the shared namespace", func() error {
		return errors.Join(
			p.gone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Name: "strays-a"}}),
			p.gone(t, &rbacv1.RoleBinding{ObjectMeta: at(shared, "strays-a:admins")}),
		)
	})
	for _, guardrail := range []client.Object{
		&corev1.ResourceQuota{ObjectMeta: at("tenant-strays-a", "tenant-strays-a-quota")},
		&corev1.LimitRange{ObjectMeta: at("tenant-strays-a", "tenant-strays-a-limits")},
		&networkingv1.NetworkPolicy{ObjectMeta: at("tenant-strays-a", tenancy.PolicyDefaultDeny)},
		&rbacv1.RoleBinding{ObjectMeta: at("tenant-strays-a", "roadbed:admins")},
	} {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(guardrail), guardrail); err != nil || guardrail.GetDeletionTimestamp() != nil {
			t.Errorf("%s is not as it was: %v", guardrail.GetName(), err)
		}
	}
}
