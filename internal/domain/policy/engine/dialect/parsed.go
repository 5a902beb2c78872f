package dialect

import (
	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// Names are the names in expressions that can be parsed.
func Names(expressions []string) []string {
	env := Kyverno().Env(Declarations{HasAuthorizer: true, HasPatchTypes: true})
	var names []string
	for _, expression := range expressions {
		if parsed, issues := env.Parse(expression); issues.Err() == nil {
			names = append(names, library.Names(parsed)...)
		}
	}
	return names
}

// Mixes is library.Mixes of an expression and a policy's variables, as far as they
// can be parsed.
func Mixes(expression string, variables []admissionregistrationv1.Variable) bool {
	env := Kyverno().Env(Declarations{HasAuthorizer: true, HasPatchTypes: true})
	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		return false
	}
	known := map[string]*cel.Ast{}
	for _, variable := range variables {
		if one, issues := env.Parse(variable.Expression); issues.Err() == nil {
			known[variable.Name] = one
		}
	}
	return library.Mixes(parsed, known)
}
