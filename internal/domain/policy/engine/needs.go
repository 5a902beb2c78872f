package engine

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// Needs says, in one phrase, why the API server cannot evaluate a policy by
// itself; it is empty when it can. A policy with faults needs nothing: compile it
// to see them.
func Needs(p *policiesv1.ValidatingPolicy) string {
	if p.Spec.Evaluation != nil && p.Spec.Evaluation.Mode == policiesv1.EvaluationModeJSON {
		return "it judges JSON documents, not objects"
	}
	s := sourceOf(p.Name, &p.Spec)
	_, faults := compileBody(dialect.Admissible(), s, "")
	return reason(faults, s, nil)
}

// namespaceHidden is because the API server gives conditions no namespace.
const namespaceHidden = "its match conditions read namespaceObject, which the API server shows to validations only"

// conditionsReadNamespace tells whether a condition reads the namespace, perhaps
// through a variable.
func (s source) conditionsReadNamespace() bool {
	var conditions, variables []string
	for _, condition := range s.matchConditions {
		conditions = append(conditions, condition.Expression)
	}
	for _, variable := range s.variables {
		variables = append(variables, variable.Expression)
	}
	used := dialect.Names(conditions)
	const namespace = "namespaceObject"
	return slices.Contains(used, namespace) || slices.Contains(used, "variables") && slices.Contains(dialect.Names(variables), namespace)
}

// unapplied says why the API server would not apply a configuration that it takes;
// empty if it would.
func (s source) unapplied(mutations []admissionregistrationv1.Mutation) string {
	if s.replaces {
		return "it replaces atomic lists and maps (useServerSideApply)"
	}
	for _, mutation := range mutations {
		if mutation.ApplyConfiguration != nil && dialect.Mixes(mutation.ApplyConfiguration.Expression, s.variables) {
			return "it adds to lists of the object, whose elements the API server cannot apply"
		}
	}
	return ""
}

// reason turns the faults that a policy has for the API server into a phrase.
// More are expressions besides those of the source.
func reason(faults FaultsError, s source, more []string) string {
	if len(faults) == 0 {
		if s.conditionsReadNamespace() {
			return namespaceHidden
		}
		return ""
	}
	if phrase := library.Purpose(dialect.Names(append(expressionsOf(s), more...))); phrase != "" {
		return "it " + phrase
	}
	return fmt.Sprintf("it uses functions that the API server does not have: %s", faults[0].Message)
}

// expressionsOf are all expressions of a source.
func expressionsOf(s source) []string {
	var all []string
	for _, variable := range s.variables {
		all = append(all, variable.Expression)
	}
	for _, condition := range s.matchConditions {
		all = append(all, condition.Expression)
	}
	for _, validation := range s.validations {
		all = append(all, validation.Expression, validation.MessageExpression)
	}
	for _, annotation := range s.auditAnnotations {
		all = append(all, annotation.ValueExpression)
	}
	return all
}
