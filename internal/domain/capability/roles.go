package capability

import (
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

// roles are the tenants' rights to claims. They hold in tenants' own namespaces
// only, because the roles that they become part of are bound there.
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
	return all
}
