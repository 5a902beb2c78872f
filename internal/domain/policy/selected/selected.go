package selected

import (
	"fmt"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// InVain names what a policy selects and never concerns, with the reason, each
// once and in the order of the policy. Namespace is the policy's, empty for one of
// the cluster; served is everything that the cluster serves.
//
// Kinds that are not served are told of legacy policies alone, which name each
// kind. What CEL policies name is every resource in every group and version of a
// rule, most of which nobody means.
func InVain(of policy.Evaluator, namespace string, served []policy.Served) []string {
	scoped, ok := of.(policy.Scoped)
	if !ok {
		return nil
	}
	var found []string
	for _, scope := range scoped.Scopes() {
		name := nameOf(scope)
		if strings.ContainsAny(name, "*?") {
			continue
		}
		why := ""
		covered := covering(scope, served)
		switch {
		case len(covered) == 0 && of.Info().Lane == policy.Legacy:
			why = fmt.Sprintf("the cluster serves no %s", written(scope, name))
		case len(covered) > 0 && namespace != "" && !slices.ContainsFunc(covered, func(r policy.Served) bool { return r.Namespaced }):
			why = fmt.Sprintf("%s is in no namespace, and the policy is about namespace %s alone", written(scope, name), namespace)
		}
		if why != "" && !slices.Contains(found, why) {
			found = append(found, why)
		}
	}
	return found
}

func nameOf(scope policy.Scope) string {
	if scope.Kind != "" {
		return scope.Kind
	}
	return scope.Resource
}

func covering(scope policy.Scope, served []policy.Served) []policy.Served {
	var covered []policy.Served
	for _, resource := range served {
		if scope.Covers(resource) {
			covered = append(covered, resource)
		}
	}
	return covered
}

// written is a scope as people write it, without what is any: "apps/v1/Deployment".
func written(scope policy.Scope, name string) string {
	parts := []string{scope.Group, scope.Version, name, scope.Subresource}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" || part == "*" }), "/")
}
