package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// serviceAccounts begins the names of users that are service accounts.
const serviceAccounts = "system:serviceaccount:"

// Roles lists the roles bound to a user: "namespace:name" and "name". They are
// looked for only while a policy asks for them.
func (c *Cluster) Roles(ctx context.Context, user authenticationv1.UserInfo) (roles, clusterRoles []string, err error) {
	if !c.AsksRoles() {
		return nil, nil, nil
	}
	var local rbacv1.RoleBindingList
	if err := c.Bindings.List(ctx, &local, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("list role bindings: %w", err)
	}
	for i := range local.Items {
		binding := &local.Items[i]
		switch {
		case !bound(user, binding.Subjects, binding.Namespace):
		case binding.RoleRef.Kind == "ClusterRole":
			clusterRoles = append(clusterRoles, binding.RoleRef.Name)
		default:
			roles = append(roles, binding.Namespace+":"+binding.RoleRef.Name)
		}
	}
	var global rbacv1.ClusterRoleBindingList
	if err := c.Bindings.List(ctx, &global, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("list cluster role bindings: %w", err)
	}
	for i := range global.Items {
		if bound(user, global.Items[i].Subjects, "") {
			clusterRoles = append(clusterRoles, global.Items[i].RoleRef.Name)
		}
	}
	return unique(roles), unique(clusterRoles), nil
}

// bound tells whether a user is among the subjects of a binding in a namespace.
func bound(user authenticationv1.UserInfo, subjects []rbacv1.Subject, namespace string) bool {
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
		switch s.Kind {
		case rbacv1.UserKind:
			return s.Name == user.Username
		case rbacv1.GroupKind:
			return slices.Contains(user.Groups, s.Name)
		case rbacv1.ServiceAccountKind:
			in := s.Namespace
			if in == "" {
				in = namespace
			}
			return strings.HasPrefix(user.Username, serviceAccounts) && user.Username == serviceAccounts+in+":"+s.Name
		}
		return false
	})
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
