package rbac

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// TestPoliciesAreTheirAuthors wants Roadbed to write nothing of a policy but its
// status, and to bind rights to nobody but itself.
func TestPoliciesAreTheirAuthors(t *testing.T) {
	t.Parallel()
	for _, object := range Objects() {
		switch o := object.(type) {
		case *rbacv1.ClusterRole:
			for _, rule := range o.Rules {
				if slices.Contains(rule.Verbs, "*") {
					t.Errorf("%s has every verb on %v", o.Name, rule.Resources)
				}
				ofPolicies := slices.Contains(rule.APIGroups, "policies.kyverno.io") || slices.Contains(rule.APIGroups, "kyverno.io")
				writes := slices.Contains(rule.Verbs, "update") || slices.Contains(rule.Verbs, "create") || slices.Contains(rule.Verbs, "delete")
				if ofPolicies && writes && !allStatus(rule.Resources) {
					t.Errorf("%s writes %v", o.Name, rule.Resources)
				}
			}
		case *rbacv1.ClusterRoleBinding:
			if len(o.Subjects) != 1 || o.Subjects[0].Name != identity.Roadbed {
				t.Errorf("%s binds %v, want Roadbed alone", o.Name, o.Subjects)
			}
		}
	}
}

func allStatus(resources []string) bool {
	return !slices.ContainsFunc(resources, func(r string) bool { return len(r) < 7 || r[len(r)-7:] != "/status" })
}
