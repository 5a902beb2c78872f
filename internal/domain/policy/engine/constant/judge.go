package constant

import (
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// judge judges one expression.
type judge struct {
	expressions *Expressions
	checked     *ast.AST
	parts       []Part
}

// outcome of a part that gives a boolean.
func (j *judge) outcome(part ast.Expr) Outcome {
	value := j.expressions.evaluate(j.checked, part)
	if types.IsError(value) {
		return Fails
	}
	if answer, ok := value.(types.Bool); ok {
		return outcomeOf(bool(answer))
	}
	if operator, predicate, ok := quantifier(part); ok {
		return j.each(operator, predicate)
	}
	if part.Kind() != ast.CallKind {
		return Depends
	}
	args := part.AsCall().Args()
	switch part.AsCall().FunctionName() {
	case operators.LogicalAnd:
		return j.joined(part, operators.LogicalAnd, False)
	case operators.LogicalOr:
		return j.joined(part, operators.LogicalOr, True)
	case operators.LogicalNot:
		return opposite(j.outcome(args[0]))
	case operators.Conditional:
		return j.chosen(args)
	case operators.Equals:
		return j.same(args, True)
	case operators.NotEquals:
		return j.same(args, False)
	}
	return Depends
}

// each is what a loop gives over elements of which the predicate says the same:
// nothing else only if that is what no elements give.
func (j *judge) each(operator string, predicate ast.Expr) Outcome {
	neutral := True
	if operator == operators.LogicalOr {
		neutral = False
	}
	if j.outcome(predicate) == neutral {
		return neutral
	}
	return Depends
}

// joined is what parts give together. One that decides suffices, and so do two
// of which one must.
func (j *judge) joined(part ast.Expr, operator string, decides Outcome) Outcome {
	all := operands(part, operator)
	constant := 0
	for i, one := range all {
		switch j.outcome(one) {
		case decides:
			return decides
		case opposite(decides):
			constant++
		default:
		}
		for _, other := range all[:i] {
			if j.exclude(one, other, decides) {
				return decides
			}
		}
	}
	if constant == len(all) {
		return opposite(decides)
	}
	return Depends
}

// exclude tells whether one of two parts always gives what decides: a and !a;
// of &&, x == 1 and x == 2; of ||, x != 1 and x != 2.
func (j *judge) exclude(one, other ast.Expr, decides Outcome) bool {
	if j.negates(one, other) || j.negates(other, one) {
		return true
	}
	compares := operators.Equals
	if decides == True {
		compares = operators.NotEquals
	}
	left, leftValue := j.compared(one, compares)
	right, rightValue := j.compared(other, compares)
	return left != "" && left == right && leftValue != nil && rightValue != nil && leftValue.Equal(rightValue) == types.False
}

func (j *judge) negates(one, other ast.Expr) bool {
	return isCall(one, operators.LogicalNot) && j.alike(one.AsCall().Args()[0], other)
}

// alike tells whether two parts are written the same, and mean the same twice.
func (j *judge) alike(one, other ast.Expr) bool {
	if free(one)[library.Hidden] {
		return false
	}
	written := text(j.checked, one)
	return written != "" && written == text(j.checked, other)
}

// chosen is what condition ? one : other gives.
func (j *judge) chosen(args []ast.Expr) Outcome {
	one, other := j.outcome(args[1]), j.outcome(args[2])
	switch j.outcome(args[0]) {
	case True:
		return one
	case False:
		return other
	case Depends, Fails:
	}
	if one == other {
		return one
	}
	return Depends
}

// compared takes a comparison with a literal apart: the text of what is compared,
// and the literal.
func (j *judge) compared(part ast.Expr, operator string) (string, ref.Val) {
	if !isCall(part, operator) {
		return "", nil
	}
	args := part.AsCall().Args()
	for i, one := range args {
		if one.Kind() == ast.LiteralKind && !free(args[1-i])[library.Hidden] {
			return text(j.checked, args[1-i]), one.AsLiteral()
		}
	}
	return "", nil
}

// same compares a part with itself.
func (j *judge) same(args []ast.Expr, outcome Outcome) Outcome {
	if j.alike(args[0], args[1]) {
		return outcome
	}
	return Depends
}

// collect finds the parts that decide nothing of a whole that depends.
func (j *judge) collect(part ast.Expr) {
	if _, predicate, ok := quantifier(part); ok {
		// exists(x, true) asks whether there is one.
		if j.outcome(predicate) == Depends {
			j.collect(predicate)
		}
		return
	}
	if part.Kind() != ast.CallKind {
		return
	}
	args := part.AsCall().Args()
	switch part.AsCall().FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
		for _, arg := range args {
			j.part(arg, false)
		}
	case operators.Conditional:
		j.part(args[0], true)
		j.collect(args[1])
		j.collect(args[2])
	}
}

func (j *judge) part(part ast.Expr, branches bool) {
	outcome := j.outcome(part)
	if outcome == Depends {
		j.collect(part)
		return
	}
	j.parts = append(j.parts, Part{Text: text(j.checked, part), Outcome: outcome, Branches: branches})
}

func outcomeOf(answer bool) Outcome {
	if answer {
		return True
	}
	return False
}

func opposite(outcome Outcome) Outcome {
	switch outcome {
	case True:
		return False
	case False:
		return True
	default:
		return outcome
	}
}
