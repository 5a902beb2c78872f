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
	case target != hidden:
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
