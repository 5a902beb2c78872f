package constant

import (
	"maps"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// free are the names that a part uses and does not bind.
func free(part ast.Expr) map[string]bool {
	found := map[string]bool{}
	switch part.Kind() {
	case ast.IdentKind:
		found[part.AsIdent()] = true
	case ast.ComprehensionKind:
		loop := part.AsComprehension()
		for _, inner := range []ast.Expr{loop.LoopCondition(), loop.LoopStep(), loop.Result()} {
			maps.Copy(found, free(inner))
		}
		for _, bound := range []string{loop.IterVar(), loop.IterVar2(), loop.AccuVar()} {
			delete(found, bound)
		}
		maps.Copy(found, free(loop.IterRange()))
		maps.Copy(found, free(loop.AccuInit()))
	default:
		for _, child := range children(part) {
			maps.Copy(found, free(child))
		}
	}
	return found
}

// selected are the policy's variables that a part names.
func selected(part ast.Expr) map[string]bool {
	found := map[string]bool{}
	ast.PreOrderVisit(part, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.SelectKind {
			return
		}
		if of := e.AsSelect().Operand(); of.Kind() == ast.IdentKind && of.AsIdent() == variablesName {
			found[e.AsSelect().FieldName()] = true
		}
	}))
	return found
}

// children of a part that is no loop.
func children(part ast.Expr) []ast.Expr {
	switch part.Kind() {
	case ast.SelectKind:
		return []ast.Expr{part.AsSelect().Operand()}
	case ast.CallKind:
		call := part.AsCall()
		if call.IsMemberFunction() {
			return append([]ast.Expr{call.Target()}, call.Args()...)
		}
		return call.Args()
	case ast.ListKind:
		return part.AsList().Elements()
	case ast.MapKind:
		return entries(part.AsMap().Entries())
	case ast.StructKind:
		return entries(part.AsStruct().Fields())
	default:
		return nil
	}
}

func entries(all []ast.EntryExpr) []ast.Expr {
	var found []ast.Expr
	for _, one := range all {
		if one.Kind() == ast.StructFieldKind {
			found = append(found, one.AsStructField().Value())
			continue
		}
		found = append(found, one.AsMapEntry().Key(), one.AsMapEntry().Value())
	}
	return found
}

// isCall tells whether a part is a call of an operator.
func isCall(part ast.Expr, operator string) bool {
	return part.Kind() == ast.CallKind && part.AsCall().FunctionName() == operator
}

// operands are all parts that an operator joins, also through parentheses.
func operands(part ast.Expr, operator string) []ast.Expr {
	if !isCall(part, operator) {
		return []ast.Expr{part}
	}
	var found []ast.Expr
	for _, arg := range part.AsCall().Args() {
		found = append(found, operands(arg, operator)...)
	}
	return found
}

// quantifier takes all(x, predicate) and exists(x, predicate) apart: the operator
// that joins what the predicate says of each element.
func quantifier(part ast.Expr) (operator string, predicate ast.Expr, ok bool) {
	if part.Kind() != ast.ComprehensionKind {
		return "", nil, false
	}
	loop := part.AsComprehension()
	step, starts := loop.LoopStep(), loop.AccuInit()
	if starts.Kind() != ast.LiteralKind || loop.Result().Kind() != ast.IdentKind {
		return "", nil, false
	}
	for operator, neutral := range map[string]types.Bool{operators.LogicalAnd: types.True, operators.LogicalOr: types.False} {
		if isCall(step, operator) && starts.AsLiteral() == neutral && len(step.AsCall().Args()) == 2 {
			return operator, step.AsCall().Args()[1], true
		}
	}
	return "", nil, false
}
