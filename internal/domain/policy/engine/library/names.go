package library

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
)

// Names lists the variables and functions of an expression as its author wrote
// them: a function of a variable is "variable.function".
func Names(parsed *cel.Ast) []string {
	var found []string
	ast.PreOrderVisit(ast.NavigateAST(parsed.NativeRep()), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			found = append(found, e.AsIdent())
		case ast.CallKind:
			found = append(found, functionName(e.AsCall()))
		default:
		}
	}))
	return found
}

// functionName undoes what the macros of this package did.
func functionName(call ast.CallExpr) string {
	name := call.FunctionName()
	if !call.IsMemberFunction() || call.Target().Kind() != ast.IdentKind {
		return name
	}
	target := call.Target().AsIdent()
	switch {
	case target != Hidden:
		return target + "." + name
	case name == "now":
		return "time.now"
	}
	return name
}

// Unsupported names a function of an expression that is known and does not run;
// empty if there is none.
func Unsupported(parsed *cel.Ast) string {
	if slices.ContainsFunc(Names(parsed), func(name string) bool { return strings.HasPrefix(name, "generator") }) {
		return "generator.Apply"
	}
	return ""
}

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

// Purpose says in a phrase what the first family of functions among the names
// does: "looks other objects up"; empty when there is none.
func Purpose(names []string) string {
	for _, family := range families {
		if slices.ContainsFunc(names, func(name string) bool { return begins(name, family.prefix) }) {
			return family.called
		}
	}
	return ""
}

// begins tells whether a name is of a family: all of it, or up to a dot.
func begins(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, strings.TrimSuffix(prefix, ".")+".")
}
