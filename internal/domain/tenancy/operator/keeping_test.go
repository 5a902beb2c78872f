package operator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// Whatever somebody with every right does to a generated object is undone.
func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "drift")
	for _, row := range []struct {
		name   string
		object func(namespace string) client.Object
		tamper func(client.Object)
		intact func(client.Object) bool
	}{
		{
			"quota", func(ns string) client.Object { return &corev1.ResourceQuota{ObjectMeta: at(ns, ns+"-quota")} },
			func(o client.Object) {
				o.(*corev1.ResourceQuota).Spec.Hard[corev1.ResourcePods] = resource.MustParse("99999")
			},
			func(o client.Object) bool {
				pods := o.(*corev1.ResourceQuota).Spec.Hard[corev1.ResourcePods]
				return pods.String() != "99999"
			},
		},
		{
			"limits", func(ns string) client.Object { return &corev1.LimitRange{ObjectMeta: at(ns, ns+"-limits")} },
			func(o client.Object) { o.(*corev1.LimitRange).Spec.Limits = nil },
			func(o client.Object) bool { return len(o.(*corev1.LimitRange).Spec.Limits) == 1 },
		},
		{
			"policy", func(ns string) client.Object {
				return &networkingv1.NetworkPolicy{ObjectMeta: at(ns, tenancy.PolicyDefaultDeny)}
			},
			func(o client.Object) {
				o.(*networkingv1.NetworkPolicy).Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
			},
			func(o client.Object) bool { return len(o.(*networkingv1.NetworkPolicy).Spec.Ingress) == 0 },
		},
		{
			"binding", func(ns string) client.Object { return &rbacv1.RoleBinding{ObjectMeta: at(ns, "roadbed:developers")} },
			func(o client.Object) {
				o.(*rbacv1.RoleBinding).Subjects = []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "mallory"}}
			},
			func(o client.Object) bool { return o.(*rbacv1.RoleBinding).Subjects[0].Name != "mallory" },
		},
		{
			"account", func(ns string) client.Object { return &corev1.ServiceAccount{ObjectMeta: at(ns, "deployer")} },
			func(o client.Object) { o.SetLabels(map[string]string{"mine": "now"}) },
			func(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy },
		},
		{
			"namespace", func(ns string) client.Object { return &corev1.Namespace{ObjectMeta: at("", ns)} },
			func(o client.Object) {
				labels := o.GetLabels()
				labels["pod-security.kubernetes.io/enforce"] = "privileged"
				delete(labels, v1alpha1.LabelTenant)
				o.SetLabels(labels)
			},
			func(o client.Object) bool {
				return o.GetLabels()["pod-security.kubernetes.io/enforce"] == "restricted" && o.GetLabels()[v1alpha1.LabelTenant] != ""
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			name := "drift-" + row.name
			p.tenant(t, name, "drift")
			p.ready(t, name)
			obj := row.object("tenant-" + name)
			p.tampered(t, obj, row.tamper, row.intact)
			if row.name != "namespace" {
				p.deleted(t, row.object("tenant-"+name))
			}
			p.ready(t, name)
			kubetest.Eventually(t, patience, "pods are admitted", func() error { return p.isolatedNamespace(t, "tenant-"+name) })
			if !slices.Contains(p.trail.Actions("Tenant", name), "tenancy.tenant.repair") {
				t.Errorf("the repair is not on the trail: %v", p.trail.Actions("Tenant", name))
			}
		})
	}
}

func at(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func (p *platform) tampered(t *testing.T, obj client.Object, tamper func(client.Object), intact func(client.Object) bool) {
	t.Helper()
	kubetest.Eventually(t, patience, "the object is tampered with", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		tamper(obj)
		return p.client.Update(t.Context(), obj)
	})
	begin := time.Now()
	kubetest.Eventually(t, patience, "the change is undone", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		if !intact(obj) {
			return fmt.Errorf("%T %s is still changed", obj, obj.GetName())
		}
		return nil
	})
	t.Logf("repaired in %v", time.Since(begin).Round(time.Millisecond))
}

func (p *platform) deleted(t *testing.T, obj client.Object) {
	t.Helper()
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
		t.Fatal(err)
	}
	old := obj.GetUID()
	if err := p.client.Delete(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the object is made again", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		if obj.GetUID() == old {
			return fmt.Errorf("%T %s is the old one", obj, obj.GetName())
		}
		return nil
	})
}

// What the spec no longer asks for is pruned, and nothing else of the tenant's.
func TestSurplusIsPruned(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "prune")
	p.tenant(t, "prune-a", "prune", func(t *v1alpha1.Tenant) {
		t.Spec.Network.EgressCIDRs = []v1alpha1.CIDRPeer{{CIDR: "203.0.113.0/24"}}
	})
	p.ready(t, "prune-a")
	own := &networkingv1.NetworkPolicy{ObjectMeta: at("tenant-prune-a", "of-the-tenant")}
	p.create(t, own)
	declared := &networkingv1.NetworkPolicy{ObjectMeta: at("tenant-prune-a", tenancy.PolicyDeclared)}
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(declared), declared); err != nil {
		t.Fatal(err)
	}
	p.update(t, "prune-a", func(t *v1alpha1.Tenant) {
		t.Spec.Network.EgressCIDRs = nil
		t.Spec.Access.Admins = nil
	})
	kubetest.Eventually(t, patience, "the declared policy is gone", func() error { return p.gone(t, declared) })
	kubetest.Eventually(t, patience, "the range is no longer granted", func() error {
		var ns corev1.Namespace
		if err := p.client.Get(t.Context(), client.ObjectKey{Name: "tenant-prune-a"}, &ns); err != nil {
			return err
		}
		if granted, ok := ns.Annotations[v1alpha1.AnnotationEgressCIDRs]; ok {
			return fmt.Errorf("%s is", granted)
		}
		return nil
	})
	// The binding that our finalizer holds goes too while its namespace stays.
	kubetest.Eventually(t, patience, "the admins' binding is gone", func() error {
		return p.gone(t, &rbacv1.RoleBinding{ObjectMeta: at("tenant-prune-a", "roadbed:admins")})
	})
	p.ready(t, "prune-a")
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(own), own); err != nil {
		t.Errorf("the tenant's own policy: %v", err)
	}
}

func TestDroppedNamespaceStays(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "drop")
	p.tenant(t, "drop-a", "drop", environments("dev", "prod"), cpu("20"))
	p.ready(t, "drop-a")
	p.update(t, "drop-a", environments("prod"))
	tenant := p.ready(t, "drop-a")
	if err := p.isolatedNamespace(t, "tenant-drop-a-dev"); err != nil {
		t.Error(err)
	}
	if message := condition.Get(tenant.Status.Conditions, tenancy.ConditionIsolated).Message; !strings.Contains(message, "tenant-drop-a-dev") {
		t.Errorf("the condition says nothing of the namespace: %q", message)
	}
	last := tenant.Status.Namespaces[len(tenant.Status.Namespaces)-1]
	if last.Name != "tenant-drop-a-dev" || !strings.Contains(last.Message, "offboard") {
		t.Errorf("the status does not say what to do: %+v", last)
	}
	// prod has all 20 cores now, dev keeps its 10: both count.
	if held := p.reservations(t, "drop")["drop-a"]; held != "30" {
		t.Errorf("the envelope holds %s cores, want 30", held)
	}
	policy := &networkingv1.NetworkPolicy{ObjectMeta: at("tenant-drop-a-dev", tenancy.PolicyDefaultDeny)}
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(policy), policy); err != nil {
		t.Errorf("a guardrail of the dropped namespace: %v", err)
	}
}

func TestDeletedTenantKeepsItsNamespaces(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "keep")
	p.unit(t, "keep-other")
	tenant := p.tenant(t, "keep-a", "keep", cpu("10"))
	p.ready(t, "keep-a")
	if err := p.client.Delete(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the tenant is gone", func() error { return p.gone(t, tenant) })
	if err := p.isolatedNamespace(t, "tenant-keep-a"); err != nil {
		t.Error(err)
	}
	if held := p.reservations(t, "keep")["keep-a"]; held != "10" {
		t.Errorf("the envelope holds %q cores, want 10: the namespace is still there", held)
	}
	if actions := p.trail.Actions("Tenant", "keep-a"); actions[len(actions)-1] != "tenancy.tenant.delete" {
		t.Errorf("trail: %v", actions)
	}
	// A namesake elsewhere must not come into the data; one in the same
	// business unit takes the namespace over.
	p.tenant(t, "keep-a", "keep-other")
	p.awaits(t, "keep-a", tenancy.ConditionAccepted, metav1.ConditionFalse, tenancy.ReasonNamespaceTaken)
	if err := p.client.Delete(t.Context(), p.read(t, "keep-a")); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the namesake is gone", func() error { return p.gone(t, &v1alpha1.Tenant{ObjectMeta: at("", "keep-a")}) })
	p.tenant(t, "keep-a", "keep", cpu("5"))
	p.ready(t, "keep-a")
	kubetest.Eventually(t, patience, "the envelope holds the namesake's share", func() error {
		if held := p.reservations(t, "keep")["keep-a"]; held != "5" {
			return fmt.Errorf("it holds %q cores", held)
		}
		return nil
	})
}

// The share of a tenant without an object and without namespaces is given back.
func TestLeftReservationIsReleased(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "left")
	tenant := p.tenant(t, "left-a", "left", cpu("10"))
	p.ready(t, "left-a")
	if err := p.client.Delete(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the tenant is gone", func() error { return p.gone(t, tenant) })
	if err := p.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: at("", "tenant-left-a")}); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, 2*patience, "the reservation is released", func() error {
		if held := p.reservations(t, "left"); len(held) > 0 {
			return fmt.Errorf("it is %v", held)
		}
		return nil
	})
}

// Deleting the kinds deletes no namespace: Capsule's did.
func (p *platform) losesKinds(t *testing.T) {
	p.unit(t, "crd")
	p.tenant(t, "crd-a", "crd")
	p.ready(t, "crd-a")
	for _, plural := range []string{"tenants", "businessunits", "tiers"} {
		definition := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: at("", plural+"."+v1alpha1.GroupVersion.Group)}
		if err := p.client.Delete(t.Context(), definition); err != nil {
			t.Fatal(err)
		}
		kubetest.Eventually(t, patience, "the kind "+plural+" is gone", func() error { return p.gone(t, definition) })
	}
	if err := p.isolatedNamespace(t, "tenant-crd-a"); err != nil {
		t.Error(err)
	}
	var ns corev1.Namespace
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: "tenant-crd-a"}, &ns); err != nil || ns.DeletionTimestamp != nil || len(ns.OwnerReferences) > 0 {
		t.Errorf("namespace %+v: %v", ns.ObjectMeta, err)
	}
}

// An existing namespace becomes a tenant's without a pod of it being touched.
func TestAdoptionRestartsNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "adopt")
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "legacy-shop", Labels: map[string]string{"team": "shop"}}})
	pod := &corev1.Pod{ObjectMeta: at("legacy-shop", "old"), Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "shop", Image: "registry.example/shop:1"}},
	}}
	kubetest.Eventually(t, patience, "the old pod is made", func() error { return p.client.Create(t.Context(), pod) })
	p.tenant(t, "adopt-a", "adopt", func(t *v1alpha1.Tenant) {
		t.Spec.Namespaces = []v1alpha1.TenantNamespace{{Name: "prod", Adopt: "legacy-shop"}}
	})
	p.ready(t, "adopt-a")
	var ns corev1.Namespace
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: "legacy-shop"}, &ns); err != nil {
		t.Fatal(err)
	}
	if ns.Labels[v1alpha1.LabelTenant] != "adopt-a" || ns.Labels["team"] != "shop" {
		t.Errorf("labels %v", ns.Labels)
	}
	var now corev1.Pod
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(pod), &now); err != nil || now.UID != pod.UID || now.DeletionTimestamp != nil {
		t.Errorf("the pod was touched: %+v, %v", now.ObjectMeta, err)
	}
	if !slices.Contains(p.trail.Actions("Namespace", "legacy-shop"), "tenancy.namespace.adopt") {
		t.Error("the adoption is not on the trail")
	}
	p.tenant(t, "adopt-b", "adopt", func(t *v1alpha1.Tenant) {
		t.Spec.Namespaces = []v1alpha1.TenantNamespace{{Name: "prod", Adopt: "legacy-shop"}}
	})
	p.awaits(t, "adopt-b", tenancy.ConditionAccepted, metav1.ConditionFalse, tenancy.ReasonNamespaceTaken)
}

// Small tenants of one unit and tier live together; each has only its own
// access, and the namespace's quota is the sum of theirs.
func TestSharedNamespace(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "together")
	for _, name := range []string{"together-a", "together-b"} {
		p.tenant(t, name, "together", cpu("2"), func(t *v1alpha1.Tenant) {
			t.Spec.Tier, t.Spec.Model = "sandbox", v1alpha1.ModelSharedNamespace
		})
	}
	for _, name := range []string{"together-a", "together-b"} {
		p.ready(t, name)
	}
	namespace := tenancy.SharedNamespace("sandbox", "together")
	cores := func(want string) func() error {
		return func() error {
			var quota corev1.ResourceQuota
			if err := p.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: namespace + "-quota"}, &quota); err != nil {
				return err
			}
			if got := quota.Status.Hard[corev1.ResourceRequestsCPU]; got.String() != want {
				return fmt.Errorf("the quota is %s cores", got.String())
			}
			return nil
		}
	}
	kubetest.Eventually(t, patience, "the quota is the sum", cores("4"))
	if err := p.isolatedNamespace(t, namespace); err != nil {
		t.Error(err)
	}
	leaver := p.read(t, "together-b")
	if err := p.client.Delete(t.Context(), leaver); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the tenant that left has no access", func() error {
		return p.gone(t, &rbacv1.RoleBinding{ObjectMeta: at(namespace, "together-b:admins")})
	})
	kubetest.Eventually(t, patience, "the quota follows", cores("2"))
	p.ready(t, "together-a")
}
