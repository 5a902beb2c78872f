package capability

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// AggregateTo begins the labels by which a cluster role becomes part of a role
// of tenants, roadbed:tenant-ROLE. A guard lets nobody but Roadbed set them.
const AggregateTo = v1alpha1.Prefix + "aggregate-to-tenant-"

// RolePrefix begins the names of the cluster roles for claims.
const RolePrefix = "roadbed:claims:"

// grants are the rights to claims, and whose they are. A pipeline makes claims
// and never deletes one: that would delete data.
var grants = []struct {
	name      string
	subs      []string
	verbs     []string
	aggregate []string
}{
	{"view", []string{"", "/status"}, []string{"get", "list", "watch"}, []string{"viewer", "deployer", "developer", "admin"}},
	{"deploy", []string{""}, []string{"create", "update", "patch"}, []string{"deployer", "developer", "admin"}},
	{"edit", []string{""}, []string{"delete", "deletecollection"}, []string{"developer", "admin"}},
}

// TenantMay says whether a role of tenants, one of viewer, deployer, developer and
// admin, has a verb on claims.
func TenantMay(role, verb string) bool {
	for _, grant := range grants {
		if slices.Contains(grant.aggregate, role) && slices.Contains(grant.verbs, verb) {
			return true
		}
	}
	return false
}

// roles are the tenants' rights to claims, which hold in tenants' own namespaces
// only, because the roles that they become part of are bound there, and those of
// approvers.
func roles(c *v1alpha1.Capability) []client.Object {
	all := make([]client.Object, 0, len(grants))
	for _, grant := range grants {
		role := &rbacv1.ClusterRole{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
			ObjectMeta: meta(c, "", RolePrefix+c.Name+":"+grant.name),
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{Group(c)}, Verbs: grant.verbs}},
		}
		for _, sub := range grant.subs {
			role.Rules[0].Resources = append(role.Rules[0].Resources, c.Spec.Names.Plural+sub)
		}
		for _, who := range grant.aggregate {
			role.Labels[AggregateTo+who] = "true"
		}
		all = append(all, role)
	}
	return append(all, approvers(c)...)
}

// approvers are the rights of those who approve claims, wherever the claims are:
// to read them, and to say what they think. None when nobody has to.
func approvers(c *v1alpha1.Capability) []client.Object {
	policy := c.Spec.Approval
	if policy.Mode == "" || policy.Mode == v1alpha1.ApprovalAuto {
		return nil
	}
	role := &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: meta(c, "", RolePrefix+c.Name+":approve"),
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{Group(c)}, Resources: []string{c.Spec.Names.Plural}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"claimapprovals"}, Verbs: []string{"get", "list", "watch", "create", "delete"}},
		},
	}
	binding := &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: meta(c, "", role.Name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
	}
	for _, group := range policy.ApproverGroups {
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
	}
	return []client.Object{role, binding}
}
