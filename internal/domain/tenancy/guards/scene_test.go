package guards_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// scene is two neighbouring tenants and a namespace that belongs to nobody.
type scene struct {
	plane *plane
	// mine is the namespace of the tenant that the personas administer, fresh
	// one of theirs that is not isolated yet, other that of a neighbour, and
	// bystander one that no tenant owns.
	mine, fresh, other, bystander string
	// tenant and unit are the names of mine's tenant and business unit.
	tenant, unit string
	// admin is a cluster admin, roadbed is Roadbed with its own rights, and
	// installer is Roadbed with a cluster admin's.
	admin, roadbed, installer client.Client
	// personas are the ways to be an admin of mine.
	personas []persona
}

// persona is somebody who acts on a tenant: a user bound by name, one bound by
// a group, or a service account of the tenant.
type persona struct {
	name    string
	client  client.Client
	subject rbacv1.Subject
}

// stage onboards both tenants as Roadbed would, waits for their quotas, and
// declares them isolated.
func stage(t *testing.T, p *plane, name string) *scene {
	t.Helper()
	s := &scene{
		plane:     p,
		mine:      "tenant-" + name,
		fresh:     "tenant-" + name + "-fresh",
		other:     "tenant-" + name + "-other",
		bystander: name + "-bystander",
		tenant:    name,
		unit:      name + "-unit",
		admin:     p.admin(t),
		roadbed:   p.roadbed(t),
		installer: p.installer(t),
	}
	user, group := "ann@"+name, "corp:"+name+"-admins"
	mine := s.describe(name, v1alpha1.Subject{Kind: rbacv1.UserKind, Name: user}, v1alpha1.Subject{Kind: rbacv1.GroupKind, Name: group})
	// The neighbour's admins are namesakes of another kind.
	other := s.describe(name+"-other", v1alpha1.Subject{Kind: rbacv1.GroupKind, Name: user}, v1alpha1.Subject{Kind: rbacv1.UserKind, Name: group})
	s.provision(t, s.describe(name+"-fresh", mine.Spec.Access.Admins...))
	s.onboard(t, mine)
	s.onboard(t, other)
	create(t, s.admin, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.bystander}})
	s.personas = []persona{
		{"user", p.as(t, user), rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		{"group member", p.as(t, "bob@"+name, group), rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
		s.serviceAccount(t, "ops"),
	}
	create(t, s.roadbed, s.binding(s.fresh, "everybody", tenancy.RoleTenantAdmin))
	s.awaitGuards(t)
	for _, who := range s.personas {
		for _, namespace := range []string{s.mine, s.fresh} {
			awaitRight(t, who.name, func() error {
				return who.client.Create(t.Context(), ownPolicy(namespace), client.DryRunAll)
			})
		}
	}
	return s
}

// describe is the tenant that a person would write.
func (s *scene) describe(name string, admins ...v1alpha1.Subject) *v1alpha1.Tenant {
	return &v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.TenantSpec{
			Owner: "team", BusinessUnit: s.unit, Tier: "tier-2", CostCenter: "cc-1", Jurisdictions: []string{"eu"},
			Access: v1alpha1.TenantAccess{Admins: admins},
			Network: v1alpha1.TenantNetwork{
				IngressFrom: []v1alpha1.TenantPeer{{Tenant: "caller"}},
				EgressTo:    []v1alpha1.TenantPeer{{Tenant: "callee"}},
				EgressCIDRs: []v1alpha1.CIDRPeer{{CIDR: "203.0.113.0/24"}, {CIDR: "2001:db8::/32"}, {CIDR: "169.254.0.0/15"}},
			},
			StorageClasses: []v1alpha1.StorageClassQuota{{Name: "fast"}, {Name: "slow"}},
			Registries:     []string{"registry.example/team/", "registry.example/shared"},
		},
	}
}

// awaitRight waits until RBAC has heard of a new binding, by a deed it allows.
func awaitRight(t *testing.T, who string, do func() error) {
	t.Helper()
	eventually(t, who+" has the rights that the binding gives", do)
}

// provision creates what Roadbed plans for the tenant, as Roadbed.
func (s *scene) provision(t *testing.T, tenant *v1alpha1.Tenant) {
	t.Helper()
	world := tenancy.World{Tiers: map[string]*v1alpha1.Tier{}, Settings: tenancy.DefaultSettings()}
	for _, tier := range tenancy.Tiers() {
		world.Tiers[tier.Name] = tier
	}
	objects, err := tenancy.Plan(tenant, world)
	if err != nil {
		t.Fatalf("plan tenant %q: %v", tenant.Name, err)
	}
	create(t, s.roadbed, objects...)
}

// onboard provisions the tenant and, once its quotas are live, lets pods in.
func (s *scene) onboard(t *testing.T, tenant *v1alpha1.Tenant) {
	t.Helper()
	s.provision(t, tenant)
	namespace := "tenant-" + tenant.Name
	eventually(t, "quotas of tenant "+tenant.Name+" are live", func() error {
		return quotasLive(t.Context(), s.roadbed, namespace)
	})
	isolate(t, s.roadbed, namespace)
	eventually(t, "tenant "+tenant.Name+" admits pods", func() error {
		return s.admin.Create(t.Context(), pod(namespace), client.DryRunAll)
	})
}

// serviceAccount makes the tenant's admin delegate everything to a service
// account of the tenant, which acts with a token of its own.
func (s *scene) serviceAccount(t *testing.T, name string) persona {
	t.Helper()
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: s.mine, Name: name}
	ann := s.plane.as(t, "ann@"+s.tenant)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: name}}
	create(t, ann, account, bind(s.mine, name, tenancy.RoleTenantAdmin, subject))
	token, err := requestToken(t.Context(), ann, account)
	if err != nil {
		t.Fatalf("token of service account %q: %v", name, err)
	}
	c, err := s.plane.bearing(token)
	if err != nil {
		t.Fatal(err)
	}
	return persona{"service account", c, subject}
}

// binding binds the role to all personas.
func (s *scene) binding(namespace, name, role string) *rbacv1.RoleBinding {
	var subjects []rbacv1.Subject
	for _, who := range s.personas {
		subjects = append(subjects, who.subject)
	}
	return bind(namespace, name, role, subjects...)
}

func requestToken(ctx context.Context, c client.Client, account *corev1.ServiceAccount) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{}}
	err := c.SubResource("token").Create(ctx, account, request)
	return request.Status.Token, err
}

// quotasLive is nil once admission honours every quota of the namespace.
func quotasLive(ctx context.Context, c client.Client, namespace string) error {
	var quotas corev1.ResourceQuotaList
	if err := c.List(ctx, &quotas, client.InNamespace(namespace)); err != nil {
		return err
	}
	if len(quotas.Items) == 0 {
		return fmt.Errorf("namespace %q has no quota", namespace)
	}
	for _, quota := range quotas.Items {
		if !apiequality.Semantic.DeepEqual(quota.Spec.Hard, quota.Status.Hard) {
			return fmt.Errorf("quota %q is not live", quota.Name)
		}
	}
	return nil
}

// isolate sets the condition that admits pods, as Roadbed.
func isolate(t *testing.T, roadbed client.Client, namespace string) {
	t.Helper()
	var ns corev1.Namespace
	if err := roadbed.Get(t.Context(), client.ObjectKey{Name: namespace}, &ns); err != nil {
		t.Fatal(err)
	}
	ns.Status.Conditions = append(ns.Status.Conditions, isolated())
	if err := roadbed.Status().Update(t.Context(), &ns); err != nil {
		t.Fatalf("isolate namespace %q: %v", namespace, err)
	}
}

func isolated() corev1.NamespaceCondition {
	return corev1.NamespaceCondition{
		Type: v1alpha1.ConditionIsolated, Status: corev1.ConditionTrue, Reason: "Isolated",
		LastTransitionTime: metav1.NewTime(time.Unix(1, 0)),
	}
}

// create creates the objects and deletes none: a plane ends with its test
// process, and names are the test's own.
func create(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, client.ObjectKeyFromObject(object), err)
		}
	}
}

func bind(namespace, name, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   subjects,
	}
}

// pod is an ordinary pod, as people write them.
func pod(namespace string, changes ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "web-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example/team/web:1"}}},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func claim(namespace, class string, changes ...func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "data-"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName: &class,
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
	for _, change := range changes {
		change(c)
	}
	return c
}

func service(namespace string, changes ...func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "web-"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	for _, change := range changes {
		change(&s.Spec)
	}
	return s
}
