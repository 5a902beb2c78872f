package guards_test

import (
	"context"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

func testOnboarding(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "onboarding")
	head := s.appoint(t)
	for _, o := range aroundBusinessUnits() {
		t.Run(o.name, func(t *testing.T) { judge(t, o, head, s) })
	}
	t.Run("the garbage collector ends a foreground deletion", func(t *testing.T) { s.endsForegroundDeletion(t) })
	t.Run("a platform admin may adopt", func(t *testing.T) { s.adoptsAsPlatformAdmin(t) })
}

// appoint makes somebody the admin of the scene's business unit, by what
// Roadbed plans for one, and puts a tenant of that unit and one of another in
// place. It shows that Roadbed can hand out the rights without a right to escalate.
func (s *scene) appoint(t *testing.T) client.Client {
	t.Helper()
	head := "head@" + s.unit
	unit := &v1alpha1.BusinessUnit{
		ObjectMeta: metav1.ObjectMeta{Name: s.unit},
		Spec:       v1alpha1.BusinessUnitSpec{Admins: []v1alpha1.Subject{{Kind: rbacv1.UserKind, Name: head}}, Jurisdictions: []string{"eu"}},
	}
	world := tenancy.World{Units: map[string]*v1alpha1.BusinessUnit{unit.Name: unit}, Settings: tenancy.DefaultSettings()}
	create(t, s.roadbed, tenancy.PlanUnit(unit, world)...)
	foreign := s.describe(s.tenant + "-foreign")
	foreign.Spec.BusinessUnit = "another-unit"
	held := s.describe(s.tenant)
	held.Finalizers = []string{v1alpha1.Finalizer}
	create(t, s.installer, held, foreign)
	c := s.plane.as(t, head)
	awaitRight(t, head, func() error { return c.Create(t.Context(), s.describe("guards-newcomer"), client.DryRunAll) })
	return c
}

func aroundBusinessUnits() []offence {
	const guard = "tenant-onboarding"
	named := func(suffix string) func(*scene) client.Object {
		return func(s *scene) client.Object {
			return &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Name: s.tenant + suffix}}
		}
	}
	mine, foreign := named(""), named("-foreign")
	newIn := func(change func(*v1alpha1.Tenant)) deed {
		return creates(func(s *scene) client.Object {
			tenant := s.describe("guards-newcomer")
			change(tenant)
			return tenant
		})
	}
	deletes := func(build func(*scene) client.Object) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			return c.Delete(ctx, build(s), client.DryRunAll)
		}
	}
	status := func(ctx context.Context, c client.Client, s *scene) error {
		return c.Status().Patch(ctx, mine(s), mergePatch(`{"status":{"model":"Namespace"}}`), client.DryRunAll)
	}
	model := func(m v1alpha1.IsolationModel) deed { return newIn(func(t *v1alpha1.Tenant) { t.Spec.Model = m }) }
	const rename = `{"spec":{"displayName":"New name"}}`
	return []offence{
		{"onboard into another unit", guard, newIn(func(t *v1alpha1.Tenant) { t.Spec.BusinessUnit = "another-unit" }), newIn(func(*v1alpha1.Tenant) {})},
		{"change another unit's tenant", guard, patches(foreign, rename), patches(mine, rename)},
		{"delete another unit's tenant", guard, deletes(foreign), deletes(mine)},
		{"let go of reservations", guard, patches(mine, `{"metadata":{"finalizers":null}}`), patches(mine, paint)},
		{
			"hold up whoever compares a quota", guard, patches(mine, `{"spec":{"quota":{"pods":"1e999"}}}`),
			patches(mine, `{"spec":{"quota":{"pods":"1e2","requests.memory":"1Ei"}}}`),
		},
		{
			"hold up whoever compares a namespace's quota", guard, patches(mine, `{"spec":{"namespaces":[{"name":"dev","quota":{"pods":"1E-100"}}]}}`),
			patches(mine, `{"spec":{"namespaces":[{"name":"dev","quota":{"pods":2}}]}}`),
		},
		{
			"hold up whoever compares a capacity", guard, patches(mine, `{"spec":{"storageClasses":[{"name":"fast","capacity":"1e+0100"}]}}`),
			patches(mine, `{"spec":{"storageClasses":[{"name":"fast","capacity":"10Gi"}]}}`),
		},
		{"write a status", byRBAC, status, nil},
		{"adopt what is not one's own", guard, newIn(func(t *v1alpha1.Tenant) {
			t.Spec.Namespaces = []v1alpha1.TenantNamespace{{Name: "dev", Adopt: "onboarding-bystander"}}
		}), nil},
		{"choose a cluster of one's own", "feature-gates", model(v1alpha1.ModelDedicatedCluster), model(v1alpha1.ModelNamespace)},
		{"choose a virtual cluster", "feature-gates", model(v1alpha1.ModelVirtualCluster), model(v1alpha1.ModelSharedNamespace)},
	}
}

// adoptsAsPlatformAdmin shows that the verb adopt is enough, and not for
// Kubernetes' own namespaces.
func (s *scene) adoptsAsPlatformAdmin(t *testing.T) {
	name := "platform@" + s.tenant
	create(t, s.admin, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.tenant + "-platform-admin"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "roadbed:platform-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	})
	adopts := func(namespace string) deed {
		return creates(func(s *scene) client.Object {
			tenant := s.describe("guards-adopted")
			tenant.Spec.Namespaces = []v1alpha1.TenantNamespace{{Name: "dev", Adopt: namespace}}
			return tenant
		})
	}
	c := s.plane.as(t, name)
	awaitRight(t, name, func() error { return adopts(s.bystander)(t.Context(), c, s) })
	judge(t, offence{"adopt kube-system", "tenant-onboarding", adopts("kube-system"), adopts(s.bystander)}, c, s)
}

// endsForegroundDeletion acts as the garbage collector, which learns of new
// kinds only every half minute.
func (s *scene) endsForegroundDeletion(t *testing.T) {
	tenant := s.describe(s.tenant + "-dying")
	create(t, s.installer, tenant)
	if err := s.installer.Delete(t.Context(), tenant, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		t.Fatal(err)
	}
	collector := s.plane.as(t, "system:serviceaccount:kube-system:generic-garbage-collector")
	if err := collector.Patch(t.Context(), tenant, mergePatch(`{"metadata":{"finalizers":null}}`)); err != nil {
		t.Errorf("the garbage collector is locked out: %v", err)
	}
}
