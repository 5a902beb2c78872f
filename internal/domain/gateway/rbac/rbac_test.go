package rbac

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// TestRoutesAreTheirAuthors wants Roadbed to write nothing of routes and policies but
// their statuses, to have no wildcards, to read no Secret of itself, and to bind
// rights to nobody but itself.
func TestRoutesAreTheirAuthors(t *testing.T) {
	t.Parallel()
	for _, object := range Objects() {
		switch o := object.(type) {
		case *rbacv1.ClusterRole:
			for _, rule := range o.Rules {
				if strings.HasPrefix(o.Name, "roadbed:subscriptions:") {
					tenants(t, o, rule)
				} else {
					judge(t, rule)
				}
			}
		case *rbacv1.ClusterRoleBinding:
			if o.RoleRef.Name != "roadbed:gateway" {
				t.Errorf("%s binds %s", o.Name, o.RoleRef.Name)
			}
			if len(o.Subjects) != 1 || o.Subjects[0].Name != identity.Roadbed {
				t.Errorf("%s binds %v, want Roadbed alone", o.Name, o.Subjects)
			}
		}
	}
}

func judge(t *testing.T, rule rbacv1.PolicyRule) {
	t.Helper()
	wildless(t, rule)
	if slices.Contains(rule.Resources, "secrets") && !slices.Equal(rule.Verbs, []string{"create"}) {
		t.Errorf("Secrets may be %v by whoever they belong to", rule.Verbs)
	}
	own := slices.Equal(rule.ResourceNames, []string{Reads, Keys})
	for _, verb := range []string{"delete", "escalate", "bind", "patch", "update"} {
		if !slices.Contains(rule.Verbs, verb) || own {
			continue
		}
		for _, resource := range rule.Resources {
			if !strings.HasSuffix(resource, "/status") && !strings.HasSuffix(resource, "/finalizers") {
				t.Errorf("%s of %s is not bounded to the gateway's own", verb, resource)
			}
		}
	}
}

// tenants wants what becomes part of tenants' roles to reach Subscriptions alone, and
// those who only look or deploy to write none.
func tenants(t *testing.T, role *rbacv1.ClusterRole, rule rbacv1.PolicyRule) {
	t.Helper()
	if !slices.Equal(rule.Resources, []string{"subscriptions"}) || !slices.Equal(rule.APIGroups, []string{"gateway.roadbed.dev"}) {
		t.Errorf("%s reaches %v of %v", role.Name, rule.Resources, rule.APIGroups)
	}
	for _, who := range []string{"viewer", "deployer"} {
		reads := slices.Equal(rule.Verbs, []string{"get", "list", "watch"})
		if role.Labels["capability.roadbed.dev/aggregate-to-tenant-"+who] != "" && !reads {
			t.Errorf("a %s may %v %v", who, rule.Verbs, rule.Resources)
		}
	}
}

func wildless(t *testing.T, rule rbacv1.PolicyRule) {
	t.Helper()
	for _, list := range [][]string{rule.Verbs, rule.APIGroups, rule.Resources} {
		if slices.Contains(list, "*") {
			t.Errorf("%v of %v has a wildcard", rule.Verbs, rule.Resources)
		}
	}
}

// TestProcessesOnlyRead wants a process that serves to write nothing, to read no
// Secret of itself, and to get no token but its own.
func TestProcessesOnlyRead(t *testing.T) {
	t.Parallel()
	var rules []rbacv1.PolicyRule
	for _, object := range ProcessObjects() {
		switch o := object.(type) {
		case *rbacv1.ClusterRole:
			rules = append(rules, o.Rules...)
		case *rbacv1.Role:
			rules = append(rules, o.Rules...)
		}
	}
	for _, rule := range rules {
		wildless(t, rule)
		if slices.Contains(rule.Resources, "secrets") {
			t.Errorf("Secrets may be %v", rule.Verbs)
		}
		if slices.Equal(rule.Resources, []string{"serviceaccounts/token"}) && slices.Equal(rule.ResourceNames, []string{"roadbed-gateway"}) {
			continue
		}
		for _, verb := range rule.Verbs {
			if !slices.Contains([]string{"get", "list", "watch"}, verb) {
				t.Errorf("%s of %v is allowed", verb, rule.Resources)
			}
		}
	}
	if len(rules) == 0 || len(Guards()) != 4 {
		t.Errorf("%d rules and %d guards", len(rules), len(Guards()))
	}
}
