package rbac

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// permission is one verb on one resource.
type permission struct{ group, resource, verb string }

func roles(t *testing.T) map[string][]rbacv1.PolicyRule {
	t.Helper()
	found := map[string][]rbacv1.PolicyRule{}
	for _, object := range Objects() {
		if role, ok := object.(*rbacv1.ClusterRole); ok {
			found[role.Name] = role.Rules
		}
	}
	return found
}

func permissions(rules []rbacv1.PolicyRule) map[permission]bool {
	found := map[permission]bool{}
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					found[permission{group, resource, verb}] = true
				}
			}
		}
	}
	return found
}

// TestTenantRolesAreAChain wants each role contained in the next, so that an
// admin can hand out every one of them.
func TestTenantRolesAreAChain(t *testing.T) {
	t.Parallel()
	all := roles(t)
	chain := []string{"roadbed:tenant-viewer:own", "roadbed:tenant-deployer:own", "roadbed:tenant-developer:own", "roadbed:tenant-admin:own"}
	for i, name := range chain[1:] {
		inner, outer := permissions(all[chain[i]]), permissions(all[name])
		if len(inner) == 0 || len(inner) >= len(outer) {
			t.Errorf("%s has %d permissions, %s has %d", chain[i], len(inner), name, len(outer))
		}
		for p := range inner {
			if !outer[p] {
				t.Errorf("%s may %s %s, %s may not", chain[i], p.verb, p.resource, name)
			}
		}
	}
}

func TestTenantRolesLeaveThePlatformAlone(t *testing.T) {
	t.Parallel()
	reads := []string{"get", "list", "watch"}
	readOnly := []string{"resourcequotas", "limitranges", "namespaces", "endpoints", "endpointslices", "events", "controllerrevisions"}
	for name, rules := range roles(t) {
		if !strings.HasPrefix(name, "roadbed:tenant-") {
			continue
		}
		for p := range permissions(rules) {
			base, sub, _ := strings.Cut(p.resource, "/")
			switch {
			case p.group == "*" || p.resource == "*" || p.verb == "*":
				t.Errorf("%s has a wildcard: %v", name, p)
			case slices.Contains([]string{"impersonate", "escalate", "bind", "approve", "sign"}, p.verb):
				t.Errorf("%s may %s %s", name, p.verb, p.resource)
			case (slices.Contains(readOnly, base) || sub == "status") && !slices.Contains(reads, p.verb):
				t.Errorf("%s writes %s", name, p.resource)
			case sub == "proxy" || sub == "binding" || sub == "finalize":
				t.Errorf("%s reaches %s", name, p.resource)
			}
		}
	}
}

func TestWhatRolesMustNotHave(t *testing.T) {
	t.Parallel()
	all := roles(t)
	tests := []struct {
		role, reason string
		permission   permission
	}{
		{"roadbed:tenant-viewer:own", "a viewer reads no Secrets", permission{"", "secrets", "get"}},
		{"roadbed:tenant-viewer:own", "a viewer writes nothing", permission{"", "configmaps", "create"}},
		{"roadbed:tenant-deployer:own", "a pipeline does not browse Secrets", permission{"", "secrets", "list"}},
		{"roadbed:tenant-deployer:own", "a pipeline opens no shell", permission{"", "pods/exec", "create"}},
		{"roadbed:tenant-deployer:own", "a pipeline deletes no data", permission{"", "persistentvolumeclaims", "delete"}},
		{"roadbed:tenant-developer:own", "developers hand out no rights", permission{rbacv1.GroupName, "rolebindings", "create"}},
		{"roadbed:tenant-developer:own", "developers open no network", permission{"networking.k8s.io", "networkpolicies", "create"}},
		{"roadbed:tenant-developer:own", "developers take no tokens", permission{"", "serviceaccounts/token", "create"}},
		{"roadbed:bu-admin", "onboarding is granted for each unit", permission{"tenancy.roadbed.dev", "businessunits", "onboard"}},
		{"roadbed:bu-admin", "units are shaped by platform admins", permission{"tenancy.roadbed.dev", "businessunits", "update"}},
		{"roadbed:controller", "Roadbed reads no tenant's Secrets", permission{"", "secrets", "get"}},
		{"roadbed:controller", "Roadbed starts no pods", permission{"", "pods", "create"}},
		{"roadbed:controller", "Roadbed hands out only what it has", permission{rbacv1.GroupName, "clusterroles", "escalate"}},
		{"roadbed:controller", "Roadbed impersonates nobody", permission{"", "users", "impersonate"}},
		{"roadbed:controller", "Roadbed does not change its guards", permission{"admissionregistration.k8s.io", "validatingadmissionpolicies", "update"}},
	}
	for _, test := range tests {
		rules, exists := all[test.role]
		if !exists {
			t.Errorf("no role %s", test.role)
		}
		if permissions(rules)[test.permission] {
			t.Errorf("%s: %s has %v", test.reason, test.role, test.permission)
		}
	}
}

// TestBindIsLimitedByName wants Roadbed to bind roles that it does not contain
// only where they are named.
func TestBindIsLimitedByName(t *testing.T) {
	t.Parallel()
	for _, rule := range roles(t)["roadbed:controller"] {
		if slices.Contains(rule.Verbs, "bind") && len(rule.ResourceNames) == 0 {
			t.Errorf("Roadbed may bind any of %v", rule.Resources)
		}
	}
}

func TestRoadbedsIdentityIsTheKernels(t *testing.T) {
	t.Parallel()
	bound := 0
	for _, object := range Objects() {
		var subjects []rbacv1.Subject
		switch binding := object.(type) {
		case *rbacv1.ClusterRoleBinding:
			subjects = binding.Subjects
		case *rbacv1.RoleBinding:
			subjects = binding.Subjects
		}
		for _, subject := range subjects {
			bound++
			if subject.Name != identity.Roadbed {
				t.Errorf("%s binds %q, want only %q", object.GetName(), subject.Name, identity.Roadbed)
			}
		}
	}
	if bound == 0 {
		t.Error("nothing is bound to Roadbed")
	}
}
