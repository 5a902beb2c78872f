package lint

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// beyond finds a kind of the cluster in a legacy policy of one namespace.
func (c *checker) beyond(rule, field string, selector match.KindSelector) {
	var named []schema.GroupKind
	for group, kinds := range builtIn() {
		if _, there := kinds[selector.Kind]; there && (selector.Group == "*" || selector.Group == group) {
			named = append(named, schema.GroupKind{Group: group, Kind: selector.Kind})
		}
	}
	c.outside(rule, field, selector.Kind, named)
}

// beyondOf finds resources of the cluster in the match constraints of a policy of
// one namespace.
func (c *checker) beyondOf(constraints *admissionregistrationv1.MatchResources) {
	for i, rule := range constraints.ResourceRules {
		for j, resource := range rule.Resources {
			name, _, _ := strings.Cut(resource, "/")
			c.outside("", fmt.Sprintf("spec.matchConstraints.resourceRules[%d].resources[%d]", i, j), resource, kindsAs(name, rule.APIGroups))
		}
	}
}

// kindsAs are Kubernetes' own kinds in some groups that are served as a resource,
// in no order.
func kindsAs(resource string, groups []string) []schema.GroupKind {
	var named []schema.GroupKind
	known := builtIn()
	for _, group := range groups {
		for kind, plural := range known[group] {
			if plural == resource {
				named = append(named, schema.GroupKind{Group: group, Kind: kind})
			}
		}
	}
	return named
}

// outside tells of what is named and is all of the cluster.
func (c *checker) outside(rule, field, name string, named []schema.GroupKind) {
	if !c.ofNamespace() || len(named) == 0 {
		return
	}
	kinds := scenario.NewKinds(nil)
	if slices.ContainsFunc(named, func(kind schema.GroupKind) bool { return kinds.Scope(kind.WithVersion("")) != scenario.ScopeCluster }) {
		return
	}
	c.find(Error, NeverFires, rule, field, "%s is in no namespace, and a %s is about one namespace alone; write a policy of the cluster for it", name, c.kind)
}

// ofNamespace tells of policies of one namespace, which may not say yet of which.
func (c *checker) ofNamespace() bool {
	return c.kind == "Policy" || strings.HasPrefix(c.kind, "Namespaced")
}
