package rbac_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// TestRolesAreThese lists the roles and whose they are, so that one more, or one
// bound to more people, is noticed.
func TestRolesAreThese(t *testing.T) {
	t.Parallel()
	var roles []string
	bound := map[string][]string{}
	for _, object := range rbac.Objects() {
		switch o := object.(type) {
		case *rbacv1.ClusterRole:
			roles = append(roles, o.Name)
		case *rbacv1.ClusterRoleBinding:
			for _, subject := range o.Subjects {
				bound[o.RoleRef.Name] = append(bound[o.RoleRef.Name], subject.Name)
			}
		default:
			t.Errorf("%T %s is neither a cluster role nor a binding of one", o, o.GetName())
		}
	}
	slices.Sort(roles)
	want := []string{"roadbed:capabilities", "roadbed:capability-publisher", "roadbed:capability-reader", "roadbed:claim-approvals:view"}
	if diff := cmp.Diff(want, roles); diff != "" {
		t.Errorf("roles: %s", diff)
	}
	people := map[string][]string{"roadbed:capabilities": {identity.Roadbed}, "roadbed:capability-reader": {"system:authenticated"}}
	if diff := cmp.Diff(people, bound); diff != "" {
		t.Errorf("bindings: %s", diff)
	}
}

// TestRolesReachNoFurther wants no role to have everything of anything but of
// claims, and those that are everybody's only to read.
func TestRolesReachNoFurther(t *testing.T) {
	t.Parallel()
	reading := []string{"get", "list", "watch"}
	for _, object := range rbac.Objects() {
		role, is := object.(*rbacv1.ClusterRole)
		if !is {
			continue
		}
		everybodys := role.Name == "roadbed:capability-reader" || strings.HasSuffix(role.Name, ":view")
		for _, rule := range role.Rules {
			if slices.Contains(rule.APIGroups, "*") || slices.Contains(rule.Verbs, "*") || slices.Contains(rule.Resources, "secrets") {
				t.Errorf("%s: %v reaches too far", role.Name, rule)
			}
			if slices.Contains(rule.Resources, "*") && !slices.Equal(rule.APIGroups, []string{"claims.roadbed.dev"}) {
				t.Errorf("%s: %v names no resources", role.Name, rule)
			}
			for _, verb := range rule.Verbs {
				if everybodys && !slices.Contains(reading, verb) || slices.Contains([]string{"escalate", "bind", "impersonate"}, verb) {
					t.Errorf("%s: may %s %v", role.Name, verb, rule.Resources)
				}
			}
		}
	}
}
