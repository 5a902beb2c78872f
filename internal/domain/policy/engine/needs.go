package engine

import (
	"fmt"
	"slices"
	"strings"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// families are what an expression may use that the API server does not have, by
// the beginning of a name, with what to call it.
var families = []struct{ prefix, called string }{
	{"resource", "looks other objects up (resource.*)"},
	{"globalContext", "reads the global context"},
	{"http", "makes HTTP requests"},
	{"verifyImageSignatures", "verifies images"},
	{"verifyAttestationSignatures", "verifies images"},
	{"getImageData", "reads images from their registry"},
	{"extractPayload", "reads images from their registry"},
	{"image.", "reads images from their registry"},
	{"random", "makes up random texts"},
	{"time.now", "asks what time it is"},
	{"exceptions", "reads exceptions"},
	{"images", "reads the list of images"},
}

// Needs says, in one phrase, why the API server cannot evaluate a policy by
// itself; it is empty when it can. A policy with faults needs nothing: compile it
// to see them.
func Needs(p *policiesv1.ValidatingPolicy) string {
	if p.Spec.Evaluation != nil && p.Spec.Evaluation.Mode == policiesv1.EvaluationModeJSON {
		return "it judges JSON documents, not objects"
	}
	_, faults := compileBody(dialect.Kubernetes(), sourceOf(p.Name, &p.Spec), "")
	return reason(faults, expressionsOf(sourceOf(p.Name, &p.Spec)))
}

// reason turns the faults that a policy has for the API server into a phrase.
func reason(faults FaultsError, expressions []string) string {
	if len(faults) == 0 {
		return ""
	}
	env := dialect.Kyverno().Env(dialect.Declarations{HasAuthorizer: true, HasPatchTypes: true})
	var names []string
	for _, expression := range expressions {
		if parsed, issues := env.Parse(expression); issues.Err() == nil {
			names = append(names, library.Names(parsed)...)
		}
	}
	for _, family := range families {
		if slices.ContainsFunc(names, func(name string) bool { return begins(name, family.prefix) }) {
			return "it " + family.called
		}
	}
	return fmt.Sprintf("it uses functions that the API server does not have: %s", faults[0].Message)
}

// begins tells whether a name is of a family: all of it, or up to a dot.
func begins(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, strings.TrimSuffix(prefix, ".")+".")
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
