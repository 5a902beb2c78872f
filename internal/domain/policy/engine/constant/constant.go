package constant

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/parser"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
)

// Outcome is what an expression gives, whatever it is asked about.
type Outcome int

// The outcomes.
const (
	// Depends: it is not constant, or not known to be.
	Depends Outcome = iota
	// True and False, always.
	True
	False
	// Fails: it is an error, always.
	Fails
)

// Judgement is what is known of an expression.
type Judgement struct {
	Outcome Outcome
	// Because says why it fails.
	Because string
	// Parts are constant, though the whole is not.
	Parts []Part
}

// Part of an expression that decides nothing.
type Part struct {
	// Text is the part as CEL writes it.
	Text    string
	Outcome Outcome
	// Branches tells that it chooses between two others with ?:, of which one
	// is never taken.
	Branches bool
}

// enough is what may be spent on a part, in the API server's units: constants
// that people write cost less, and it is a hundredth of what requests may spend.
const enough = celconfig.PerCallLimit / 100

// variablesName is the map of what a policy defines.
const variablesName = "variables"

// environment is Kyverno's, with variables of any type.
var environment = sync.OnceValue(func() *cel.Env {
	declared := dialect.Declarations{HasParams: true, HasAuthorizer: true}
	env, err := dialect.Kyverno().Env(declared).Extend(
		cel.Variable(variablesName, cel.MapType(cel.StringType, cel.DynType)), cel.EnableMacroCallTracking())
	if err != nil {
		panic("the CEL environment is misconfigured: " + err.Error())
	}
	return env
})

// Expressions judges the expressions of one policy. It is for one goroutine.
type Expressions struct {
	// known are the policy's variables that are constant.
	known map[string]ref.Val
}

// New knows a policy's variables, in their order.
func New(variables []admissionregistrationv1.Variable) *Expressions {
	made := &Expressions{known: map[string]ref.Val{}}
	for _, variable := range variables {
		checked, ok := check(variable.Expression)
		if !ok {
			continue
		}
		if value := made.evaluate(checked, checked.Expr()); !types.IsUnknownOrError(value) {
			made.known[variable.Name] = value
		}
	}
	return made
}

// Judge finds out what an expression that gives a boolean gives always. One that
// does not compile depends.
func (e *Expressions) Judge(expression string) Judgement {
	checked, ok := check(expression)
	if !ok {
		return Judgement{}
	}
	j := &judge{expressions: e, checked: checked}
	judged := Judgement{Outcome: j.outcome(checked.Expr())}
	switch judged.Outcome {
	case Depends:
		j.collect(checked.Expr())
		judged.Parts = j.parts
	case Fails:
		judged.Because = fmt.Sprint(e.evaluate(checked, checked.Expr()))
	default:
	}
	return judged
}

func check(expression string) (*ast.AST, bool) {
	compiled, issues := environment().Compile(expression)
	if issues.Err() != nil {
		return nil, false
	}
	return compiled.NativeRep(), true
}

// evaluate gives what a part of an expression is: unknown if that depends on the
// request, or takes long to find out, and an error if it is one always.
func (e *Expressions) evaluate(whole *ast.AST, part ast.Expr) ref.Val {
	unknown := types.NewUnknown(part.ID(), nil)
	checked := ast.NewCheckedAST(ast.NewAST(part, whole.SourceInfo()), whole.TypeMap(), whole.ReferenceMap())
	program, err := environment().PlanProgram(checked, cel.EvalOptions(cel.OptPartialEval),
		cel.CostLimit(enough), cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		return unknown
	}
	vars, err := cel.PartialVars(map[string]any{variablesName: e.known}, e.unknowns(part)...)
	if err != nil {
		return unknown
	}
	value, _, err := program.ContextEval(context.Background(), vars)
	switch {
	case err == nil:
		return value
	case strings.Contains(err.Error(), "cost limit exceeded"), strings.Contains(err.Error(), "internal error"):
		// The second is CEL counting the cost of what is unknown.
		return unknown
	}
	return types.WrapErr(err)
}

// unknowns are all variables of requests, those that are bound around the part,
// and the policy's own that are not known.
func (e *Expressions) unknowns(part ast.Expr) []*cel.AttributePatternType {
	var patterns []*cel.AttributePatternType
	for _, variable := range environment().Variables() {
		if variable.Name() != variablesName {
			patterns = append(patterns, cel.AttributePattern(variable.Name()))
		}
	}
	for name := range free(part) {
		if name != variablesName {
			patterns = append(patterns, cel.AttributePattern(name))
		}
	}
	for name := range selected(part) {
		if _, known := e.known[name]; !known {
			patterns = append(patterns, cel.AttributePattern(variablesName).QualString(name))
		}
	}
	return patterns
}

// text is a part as CEL writes it.
func text(whole *ast.AST, part ast.Expr) string {
	written, err := parser.Unparse(part, whole.SourceInfo())
	if err != nil {
		return ""
	}
	return written
}
