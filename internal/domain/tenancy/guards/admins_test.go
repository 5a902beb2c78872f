package guards_test

import (
	"context"
	"slices"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// testClusterAdmins shows that the core holds against ordinary verbs of
// cluster admins, who may do everything as far as RBAC is concerned.
func testClusterAdmins(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "admins")
	create(t, s.installer, s.describe("admins"))
	for _, o := range slices.Concat(byClusterAdmins(), byClusterAdminsOnPolicies()) {
		t.Run(o.name, func(t *testing.T) { judge(t, o, s.admin, s) })
	}
}

// lawful is the same deed by Roadbed with a cluster admin's rights: the way to
// upgrade and uninstall.
func lawful(do deed) deed {
	return func(ctx context.Context, _ client.Client, s *scene) error { return do(ctx, s.installer, s) }
}

func byClusterAdmins() []offence {
	quotaOf := func(s *scene) client.Object {
		return &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: s.mine + "-quota"}}
	}
	deny := func(s *scene) client.Object {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: tenancy.PolicyDefaultDeny}}
	}
	tenantsKind := func(*scene) client.Object {
		return &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "tenants.tenancy.roadbed.dev"}}
	}
	role := func(*scene) client.Object {
		return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: tenancy.RoleTenantViewer}}
	}
	deletes := func(build func(*scene) client.Object) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			return c.Delete(ctx, build(s), client.DryRunAll)
		}
	}
	sweeps := func(ctx context.Context, c client.Client, _ *scene) error {
		return c.DeleteAllOf(ctx, &rbacv1.ClusterRole{}, client.DryRunAll)
	}
	forgesUsage := func(ctx context.Context, c client.Client, s *scene) error {
		return c.Status().Patch(ctx, quotaOf(s), mergePatch(`{"status":{"used":{"pods":"0"}}}`), client.DryRunAll)
	}
	forgesStatus := func(ctx context.Context, c client.Client, s *scene) error {
		tenant := &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Name: s.tenant}}
		return c.Status().Patch(ctx, tenant, mergePatch(`{"status":{"model":"Namespace"}}`), client.DryRunAll)
	}
	offences := []offence{
		{name: "raise a quota", guard: "platform-objects", do: patches(quotaOf, `{"spec":{"hard":{"pods":"9999"}}}`)},
		{name: "forge a quota's usage", guard: "platform-objects", do: forgesUsage},
		{name: "delete a default deny", guard: "platform-objects", do: deletes(deny)},
		{name: "take off a tenant's label", guard: "platform-labels", do: patches(own, `{"metadata":{"labels":{"tenancy.roadbed.dev/tenant":null}}}`)},
		{name: "delete a tenant's namespace", guard: "platform-labels", do: deletes(own)},
		{name: "delete the kind of tenants", guard: "platform-policies", do: deletes(tenantsKind)},
		{name: "change the kind of tenants", guard: "platform-policies", do: patches(tenantsKind, `{"spec":{"preserveUnknownFields":false},"metadata":{"labels":{"a":"b"}}}`)},
		{name: "delete a role of tenants", guard: "platform-policies", do: deletes(role)},
		{name: "widen a role of tenants", guard: "platform-policies", do: patches(role, `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`)},
		{name: "delete every role", guard: "platform-policies", do: sweeps},
		{name: "forge a tenant's status", guard: "tenant-onboarding", do: forgesStatus},
	}
	for i := range offences {
		offences[i].control = lawful(offences[i].do)
	}
	return offences
}

// byClusterAdminsOnPolicies are offences against the guards themselves, which
// only files of the API server are shown.
func byClusterAdminsOnPolicies() []offence {
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "roadbed-services"}}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: policy.ObjectMeta}
	road := &admissionregistrationv1.MutatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "roadbed-paved-road"}}
	var offences []offence
	for name, object := range map[string]client.Object{"guard": policy, "guard's binding": binding, "paved road's binding": road} {
		do := func(ctx context.Context, c client.Client, _ *scene) error {
			return c.Delete(ctx, object.DeepCopyObject().(client.Object), client.DryRunAll)
		}
		offences = append(offences, offence{"delete a " + name, "platform-policies", do, lawful(do)})
	}
	weaken := patches(func(*scene) client.Object { return binding.DeepCopy() }, `{"spec":{"validationActions":["Warn"]}}`)
	return append(offences, offence{"weaken a guard's binding", "platform-policies", weaken, lawful(weaken)})
}
