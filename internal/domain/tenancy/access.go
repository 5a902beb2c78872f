package tenancy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// The cluster roles that generated bindings refer to. They are installed with
// Roadbed and the same for everyone.
const (
	// RoleTenantAdmin is everything of a tenant.
	RoleTenantAdmin = "roadbed:tenant-admin"
	// RoleTenantDeveloper deploys and debugs.
	RoleTenantDeveloper = "roadbed:tenant-developer"
	// RoleTenantViewer reads everything but Secrets.
	RoleTenantViewer = "roadbed:tenant-viewer"
	// RoleTenantDeployer is what a delivery pipeline needs.
	RoleTenantDeployer = "roadbed:tenant-deployer"
	// RoleUnitAdmin manages tenants; which ones, the verb VerbOnboard decides.
	RoleUnitAdmin = "roadbed:bu-admin"
)

// VerbOnboard is the verb on businessunits that lets a person create and
// change tenants in a business unit. Admission asks the authorizer for it.
const VerbOnboard = "onboard"

// VerbApproveOverrides is the verb on businessunits that lets a person decide on
// policy overrides of a business unit's tenants, where their tier leaves it to
// the unit.
const VerbApproveOverrides = "approve-overrides"

// deployer is the service account of a tenant's delivery pipeline.
const deployer = "deployer"

// access is who may do what in a tenant's own namespace.
func access(meta metav1.ObjectMeta, t *v1alpha1.Tenant) []client.Object {
	objects := []client.Object{serviceAccount(meta, deployer)}
	for _, grant := range grants(t) {
		if len(grant.subjects) > 0 {
			objects = append(objects, roleBinding(meta, "roadbed:"+grant.who, grant.role, subjects(grant.subjects)))
		}
	}
	return append(objects, roleBinding(meta, "roadbed:"+deployer, RoleTenantDeployer, serviceAccountSubject(meta.Namespace, deployer)))
}

// sharedAccess is the tenant's own part of a shared namespace. A namespace that
// others use cannot be cordoned for one of its tenants, so a cordoned tenant's
// people keep reading and can do nothing else there.
func sharedAccess(meta metav1.ObjectMeta, t *v1alpha1.Tenant) []client.Object {
	account := t.Name + "-" + deployer
	objects := []client.Object{serviceAccount(meta, account)}
	for _, grant := range grants(t) {
		if Cordoned(t) {
			grant.role = RoleTenantViewer
		}
		if len(grant.subjects) > 0 {
			objects = append(objects, roleBinding(meta, t.Name+":"+grant.who, grant.role, subjects(grant.subjects)))
		}
	}
	if Cordoned(t) {
		return objects
	}
	return append(objects, roleBinding(meta, t.Name+":"+deployer, RoleTenantDeployer, serviceAccountSubject(meta.Namespace, account)))
}

type grant struct {
	who, role string
	subjects  []v1alpha1.Subject
}

func grants(t *v1alpha1.Tenant) []grant {
	return []grant{
		{"admins", RoleTenantAdmin, t.Spec.Access.Admins},
		{"developers", RoleTenantDeveloper, t.Spec.Access.Developers},
		{"viewers", RoleTenantViewer, t.Spec.Access.Viewers},
	}
}

func serviceAccount(meta metav1.ObjectMeta, name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: named(meta, name),
	}
}

func roleBinding(meta metav1.ObjectMeta, name, role string, who []rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: named(meta, name),
		RoleRef:    clusterRoleRef(role),
		Subjects:   who,
	}
}

func clusterRoleRef(role string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
}

func subjects(list []v1alpha1.Subject) []rbacv1.Subject {
	var bound []rbacv1.Subject
	for _, s := range list {
		bound = append(bound, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: subjectKind(s), Name: s.Name})
	}
	return bound
}

func subjectKind(s v1alpha1.Subject) string {
	if s.Kind == "" {
		return rbacv1.GroupKind
	}
	return s.Kind
}

func serviceAccountSubject(namespace, name string) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}}
}

// PlanUnit is what a business unit's admins need to onboard tenants: a role
// that lets them onboard into the unit and everything below it, and decide on
// overrides of policies there, its binding,
// and the binding that lets them write tenants at all. An admin of a business
// unit thus onboards into its descendants as well, and an admin of a
// descendant not into its ancestors. Without admins it is the role alone.
func PlanUnit(unit *v1alpha1.BusinessUnit, w World) []client.Object {
	name := "roadbed:bu:" + unit.Name
	meta := metav1.ObjectMeta{Name: name, Labels: map[string]string{
		v1alpha1.LabelManagedBy:    v1alpha1.ManagedBy,
		v1alpha1.LabelBusinessUnit: unit.Name,
	}}
	reach := append([]string{unit.Name}, w.Descendants(unit.Name)...)
	slices.Sort(reach)
	role := &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: meta,
		Rules: []rbacv1.PolicyRule{{
			APIGroups:     []string{v1alpha1.GroupVersion.Group},
			Resources:     []string{"businessunits"},
			ResourceNames: reach,
			Verbs:         []string{"get", VerbOnboard, VerbApproveOverrides},
		}},
	}
	if len(unit.Spec.Admins) == 0 {
		return []client.Object{role}
	}
	return []client.Object{
		role,
		clusterRoleBinding(meta, name, name, unit.Spec.Admins),
		clusterRoleBinding(meta, name+":admins", RoleUnitAdmin, unit.Spec.Admins),
	}
}

func clusterRoleBinding(meta metav1.ObjectMeta, name, role string, who []v1alpha1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: named(meta, name),
		RoleRef:    clusterRoleRef(role),
		Subjects:   subjects(who),
	}
}
