package library

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// Mixes tells whether an apply configuration has a list of which some elements are
// written as Object{...} and others are taken from the object: volumes + [Object{}].
// The API server leaves the latter as Go values, and then refuses them. Variables are
// looked up by name.
func Mixes(parsed *cel.Ast, variables map[string]*cel.Ast) bool {
	found := false
	ast.PreOrderVisit(ast.NavigateAST(parsed.NativeRep()), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.StructKind {
			return
		}
		for _, field := range e.AsStruct().Fields() {
			m := mixture{variables: variables}
			m.list(field.AsStructField().Value())
			found = found || m.written && m.taken
		}
	}))
	return found
}

// mixture is what elements a list may have.
type mixture struct {
	variables      map[string]*cel.Ast
	written, taken bool
}

// list notes the elements of what may be a list.
func (m *mixture) list(e ast.Expr) {
	switch e.Kind() {
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			m.element(element)
		}
	case ast.CallKind:
		m.call(e.AsCall())
	case ast.ComprehensionKind:
		m.list(e.AsComprehension().LoopStep())
	case ast.SelectKind:
		m.path(e)
	case ast.IdentKind:
		m.taken = m.taken || !strings.HasPrefix(e.AsIdent(), "@")
	default:
	}
}

// call notes those of both sides of a sum or a choice, and of an optional's default.
func (m *mixture) call(call ast.CallExpr) {
	switch call.FunctionName() {
	case operators.Add:
		m.list(call.Args()[0])
		m.list(call.Args()[1])
	case operators.Conditional:
		m.list(call.Args()[1])
		m.list(call.Args()[2])
	case "orValue":
		m.taken = true
		m.list(call.Args()[0])
	default:
	}
}

// path notes a field of the object, or what the variable of this name has.
func (m *mixture) path(e ast.Expr) {
	field := e.AsSelect()
	if of := field.Operand(); of.Kind() == ast.IdentKind && of.AsIdent() == "variables" {
		if known := m.variables[field.FieldName()]; known != nil {
			own := mixture{written: m.written, taken: m.taken} // its own variables count as taken
			own.list(known.NativeRep().Expr())
			m.written, m.taken = own.written, own.taken
			return
		}
	}
	m.taken = true
}

// element notes one element of a list.
func (m *mixture) element(e ast.Expr) {
	switch e.Kind() {
	case ast.StructKind:
		m.written = true
	case ast.IdentKind, ast.SelectKind:
		m.taken = true
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == operators.Conditional {
			m.element(call.Args()[1])
			m.element(call.Args()[2])
		} else if call.FunctionName() == operators.Index {
			m.taken = true
		}
	default:
	}
}
