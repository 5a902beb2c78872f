package rbac

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
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

// TestCatalogueIsScanned wants Roadbed to read everything that the platform's own
// policies judge, and no Secrets.
func TestCatalogueIsScanned(t *testing.T) {
	t.Parallel()
	readable := map[string]bool{}
	for _, object := range Objects() {
		role, ok := object.(*rbacv1.ClusterRole)
		if !ok || role.Name != "roadbed:policy-reader" {
			continue
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					readable[group+"/"+resource] = slices.Contains(rule.Verbs, "watch")
				}
			}
		}
	}
	if readable["/secrets"] || readable["*/*"] || readable["/*"] {
		t.Error("policies may read Secrets")
	}
	for _, entry := range catalogue.All() {
		for _, judged := range judgedBy(t, entry.Object) {
			if !readable[judged] {
				t.Errorf("policy %q judges %s, which roadbed:policy-reader may not read", entry.Name, judged)
			}
		}
	}
}

// judgedBy are the resources of a policy, without subresources.
func judgedBy(t *testing.T, object any) []string {
	t.Helper()
	var evaluator policy.Evaluator
	var err error
	switch p := object.(type) {
	case *policiesv1.ValidatingPolicy:
		evaluator, err = engine.CompileValidating(p, engine.Options{})
	case *policiesv1.MutatingPolicy:
		return nil // It judges nothing that exists.
	default:
		t.Fatalf("the catalogue has a %T, whose resources are not known here", object)
	}
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, scope := range evaluator.(policy.Scoped).Scopes() {
		if scope.Subresource == "" {
			found = append(found, scope.Group+"/"+scope.Resource)
		}
	}
	return found
}
