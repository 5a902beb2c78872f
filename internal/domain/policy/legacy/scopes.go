package legacy

import (
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// scopesOf are the resources that a rule may concern. Kinds that do not parse
// are left out: such a policy does not compile.
func scopesOf(rule *autogen.Rule) []policy.Scope {
	var scopes []policy.Scope
	for _, filter := range filtersOf(rule.Match) {
		operations := operationsOf(rule, filter)
		kinds := filter.Kinds
		if len(kinds) == 0 {
			kinds = []string{"*/*"}
		}
		for _, text := range kinds {
			kind, err := match.ParseKind(text)
			if err == nil {
				scopes = append(scopes, scopesOfKind(kind, operations)...)
			}
		}
	}
	return scopes
}

func filtersOf(block kyvernov1.MatchResources) []kyvernov1.ResourceDescription {
	if len(block.Any)+len(block.All) == 0 {
		return []kyvernov1.ResourceDescription{block.Resources}
	}
	var filters []kyvernov1.ResourceDescription
	for _, filter := range slices.Concat(block.Any, block.All) {
		filters = append(filters, filter.Resources)
	}
	return filters
}

// operationsOf are those of the filter, or all that the rule can do something
// about.
func operationsOf(rule *autogen.Rule, filter kyvernov1.ResourceDescription) []admissionv1.Operation {
	var operations []admissionv1.Operation
	for _, operation := range filter.Operations {
		operations = append(operations, admissionv1.Operation(operation))
	}
	switch {
	case len(operations) > 0:
		return operations
	case rule.Validate != nil && (rule.Validate.Deny != nil || len(rule.Validate.ForEach) > 0 || rule.Validate.CEL != nil):
		return []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect}
	default:
		return []admissionv1.Operation{admissionv1.Create, admissionv1.Update}
	}
}

// scopesOfKind names a kind, or for a subresource, whose body may be of another
// kind, the resource it belongs to.
func scopesOfKind(kind match.KindSelector, operations []admissionv1.Operation) []policy.Scope {
	scope := policy.Scope{Group: kind.Group, Version: kind.Version, Kind: kind.Kind, Subresource: kind.SubResource, Operations: operations}
	switch {
	case kind.SubResource == "" && kind.Kind == "Pod":
		ephemeral := scope
		ephemeral.Subresource = "ephemeralcontainers"
		return []policy.Scope{scope, ephemeral}
	case kind.SubResource == "" || kind.Kind == "*":
		return []policy.Scope{scope}
	}
	scope.Kind, scope.Resource = "", "*"
	if !pattern.HasWildcard(kind.Kind) {
		plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Kind: kind.Kind})
		scope.Resource = plural.Resource
	}
	return []policy.Scope{scope}
}
