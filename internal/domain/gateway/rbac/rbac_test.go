package rbac

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// TestRoutesAreTheirAuthors wants Roadbed to write nothing of routes and policies but
// their statuses, to have no wildcards, and to bind rights to nobody but itself.
func TestRoutesAreTheirAuthors(t *testing.T) {
	t.Parallel()
	for _, object := range Objects() {
		switch o := object.(type) {
		case *rbacv1.ClusterRole:
			for _, rule := range o.Rules {
				judge(t, rule)
			}
		case *rbacv1.ClusterRoleBinding:
			if len(o.Subjects) != 1 || o.Subjects[0].Name != identity.Roadbed {
				t.Errorf("%s binds %v, want Roadbed alone", o.Name, o.Subjects)
			}
		}
	}
}

func judge(t *testing.T, rule rbacv1.PolicyRule) {
	t.Helper()
	for _, list := range [][]string{rule.Verbs, rule.APIGroups, rule.Resources} {
		if slices.Contains(list, "*") {
			t.Errorf("%v of %v has a wildcard", rule.Verbs, rule.Resources)
		}
	}
	if slices.Contains(rule.Verbs, "delete") {
		t.Errorf("%v may be deleted, and the gateway deletes nothing", rule.Resources)
	}
	if !slices.Contains(rule.Verbs, "update") || slices.Equal(rule.Resources, []string{"secrets"}) {
		return
	}
	for _, resource := range rule.Resources {
		if !strings.HasSuffix(resource, "/status") && !strings.HasSuffix(resource, "/finalizers") {
			t.Errorf("%s may be written", resource)
		}
	}
}
