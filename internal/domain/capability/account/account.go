package account

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// Namespace is where the accounts are. Nothing else is in it.
const Namespace = "roadbed-capabilities"

// PlatformAPI is the HTTP API's among the accounts: it makes claims on behalf of
// tenants. No Capability may have the name.
const PlatformAPI = "platform-api"

// RolePrefix begins the names of the roles and bindings in tenants' namespaces.
const RolePrefix = "roadbed:capability:"

// Name is the account of a capability in a tenant's namespace. Neither of the
// two has a dot in it.
func Name(capability, namespace string) string { return capability + "." + namespace }

// User is the account's user name.
func User(capability, namespace string) string {
	return "system:serviceaccount:" + Namespace + ":" + Name(capability, namespace)
}

// RoleName is the name of a revision's role and binding.
func RoleName(revision string) string { return RolePrefix + revision }

// Rights are the role of a revision in a tenant's namespace and its binding, in
// the order in which they are made; they go with the revision. secret adds what
// connection Secrets need.
func Rights(revision *v1alpha1.CapabilityRevision, namespace string, secret bool) []client.Object {
	owner := metav1.OwnerReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "CapabilityRevision", Name: revision.Name, UID: revision.UID,
	}
	meta := metav1.ObjectMeta{
		OwnerReferences: []metav1.OwnerReference{owner},
		Name:            RoleName(revision.Name), Namespace: namespace,
		Labels: map[string]string{
			tenancyv1alpha1.LabelManagedBy: tenancyv1alpha1.ManagedBy,
			v1alpha1.LabelCapability:       revision.Spec.Capability,
			v1alpha1.LabelRevision:         revision.Name,
		},
	}
	return []client.Object{
		&rbacv1.Role{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
			ObjectMeta: meta, Rules: rules(revision.Spec.Provisioner.Permissions, secret),
		},
		&rbacv1.RoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects: []rbacv1.Subject{{
				Kind: rbacv1.ServiceAccountKind, Namespace: Namespace, Name: Name(revision.Spec.Capability, namespace),
			}},
		},
	}
}

// usual are the verbs of a permission that names none.
var usual = []string{"get", "list", "watch", "create", "update", "patch", "delete"}

func rules(permissions []v1alpha1.Permission, secret bool) []rbacv1.PolicyRule {
	made := make([]rbacv1.PolicyRule, 0, len(permissions)+1)
	for _, each := range permissions {
		verbs := each.Verbs
		if len(verbs) == 0 {
			verbs = usual
		}
		made = append(made, rbacv1.PolicyRule{
			APIGroups: slices.Clone(each.APIGroups), Resources: slices.Clone(each.Resources), Verbs: slices.Clone(verbs),
		})
	}
	if secret {
		made = append(made, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "create", "update", "patch", "delete"},
		})
	}
	return made
}

// needed are the verbs without which objects cannot be kept as they should be.
var needed = []string{"get", "create", "patch", "delete"}

// Allows says whether permissions let an account keep objects of a resource.
func Allows(permissions []v1alpha1.Permission, group, resource string) bool {
	return slices.ContainsFunc(permissions, func(p v1alpha1.Permission) bool {
		for _, verb := range needed {
			if len(p.Verbs) > 0 && !slices.Contains(p.Verbs, verb) {
				return false
			}
		}
		return slices.Contains(p.APIGroups, group) && slices.Contains(p.Resources, resource)
	})
}
