package native

import (
	"fmt"
	"slices"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/ext"
	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// expression is a CEL text and the field that holds it.
type expression struct{ field, text string }

func sharedExpressions(conditions []admissionv1.MatchCondition, variables []admissionv1.Variable) []expression {
	var all []expression
	for i, c := range conditions {
		all = append(all, expression{fmt.Sprintf("spec.matchConditions[%d].expression", i), c.Expression})
	}
	for i, v := range variables {
		all = append(all, expression{fmt.Sprintf("spec.variables[%d].expression", i), v.Expression})
	}
	return all
}

// known are the names that the API server gives to expressions.
func known() []string {
	return []string{
		"object", "oldObject", "request", "params", "namespaceObject", "variables", "authorizer",
		// Namespaces of functions, and types.
		"optional", "sets", "cidr", "ip", "format", "semver", "JSONPatch", "Object", "jsonpatch", "math", "lists", "strings",
		"list", "map", "string", "int", "uint", "double", "bool", "bytes", "dyn", "type", "null_type", "timestamp", "duration", "google",
	}
}

// foreign are the functions without a namespace that only Kyverno's library has.
func foreign() []string {
	return []string{
		"image", "isImage", "parseImageReference", "parseServiceAccount", "verifyImageSignatures", "verifyAttestationSignatures",
		"getImageData", "extractPayload", "md5", "sha1", "sha256", "random", "toArray", "listObjToMap", "now", "toCron", "truncate",
	}
}

// whyNotExpressions names the first thing in the expressions that the API
// server cannot do. An expression that cannot be parsed gives no reason: it is
// wrong in every lane, and whoever compiles it says so.
func whyNotExpressions(all []expression) Reason {
	for _, e := range all {
		if e.text == "" {
			continue
		}
		if name := foreignIn(e.text); name != "" {
			return Reason(fmt.Sprintf("%s uses %s, which the API server does not have", e.field, name))
		}
	}
	return ""
}

// parser reads the syntax that Kubernetes allows. It knows no types.
var parser = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.OptionalTypes(), ext.TwoVarComprehensions(), ext.Bindings(), cel.EnableIdentifierEscapeSyntax())
})

// foreignIn names a variable or a function that only Kyverno knows.
func foreignIn(text string) string {
	env, err := parser()
	if err != nil {
		return ""
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return ""
	}
	looker := &looker{local: map[string]bool{}}
	root := ast.NavigateAST(parsed.NativeRep())
	ast.PostOrderVisit(root, ast.NewExprVisitor(looker.learn))
	ast.PostOrderVisit(root, ast.NewExprVisitor(looker.look))
	return looker.found
}

// looker looks for foreign names.
type looker struct {
	// local are the names that comprehensions declare.
	local map[string]bool
	found string
}

func (l *looker) learn(e ast.Expr) {
	if e.Kind() != ast.ComprehensionKind {
		return
	}
	c := e.AsComprehension()
	l.local[c.IterVar()], l.local[c.IterVar2()], l.local[c.AccuVar()] = true, true, true
}

func (l *looker) look(e ast.Expr) {
	switch {
	case l.found != "":
	case e.Kind() == ast.IdentKind:
		if name := e.AsIdent(); !l.local[name] && !slices.Contains(known(), name) {
			l.found = name
		}
	case e.Kind() == ast.CallKind:
		call := e.AsCall()
		if slices.Contains(foreign(), call.FunctionName()) {
			l.found = call.FunctionName() + "()"
		}
	}
}
