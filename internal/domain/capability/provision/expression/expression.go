package expression

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// Expression is a compiled expression.
type Expression struct {
	field, source string
	program       cel.Program
	output        *cel.Type
	needs         []string
	names         map[string]bool
}

// Wanted is what an expression may give.
type Wanted string

// What expressions may give.
const (
	// Anything gives any value.
	Anything Wanted = "anything"
	// Condition gives true or false.
	Condition Wanted = "a boolean"
	// List gives a list.
	List Wanted = "a list"
	// Text gives a string.
	Text Wanted = "a string"
	// Data gives a string or bytes.
	Data Wanted = "a string or bytes"
	// Plain gives what can stand within text.
	Plain Wanted = "a string, a number or a boolean"
)

// Compile compiles an expression of a field. It returns nil after having added
// a fault.
func (s *Scope) Compile(field, source string, wanted Wanted, faults *Faults) *Expression {
	checked, issues := s.env.Compile(source)
	if issues != nil && issues.Err() != nil {
		for _, each := range issues.Errors() {
			faults.Add(field, "%q: %s", source, each.Message)
		}
		return nil
	}
	if !gives(checked.OutputType(), wanted) {
		faults.Add(field, "%q gives %s: it must give %s", source, checked.OutputType(), wanted)
		return nil
	}
	program, err := s.env.Program(checked, cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		faults.Add(field, "%q: %v", source, err)
		return nil
	}
	made := &Expression{field: field, source: source, program: program, output: checked.OutputType(), names: map[string]bool{}}
	made.look(checked)
	return made
}

// gives says whether a type is one of those wanted, as far as that is known
// before the expression is evaluated.
func gives(t *cel.Type, wanted Wanted) bool {
	if t.Kind() == types.OpaqueKind && t.TypeName() == "optional_type" {
		return wanted == Anything
	}
	if slices.Contains([]types.Kind{types.DynKind, types.AnyKind, types.TypeParamKind}, t.Kind()) {
		return true
	}
	allowed := map[Wanted][]types.Kind{
		Condition: {types.BoolKind},
		List:      {types.ListKind},
		Text:      {types.StringKind},
		Data:      {types.StringKind, types.BytesKind},
		Plain:     {types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind},
	}
	return wanted == Anything || slices.Contains(allowed[wanted], t.Kind())
}

// look finds which variables, and which of the resources, an expression reads.
func (e *Expression) look(checked *cel.Ast) {
	needs := map[string]bool{}
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(expr ast.Expr) {
		if expr.Kind() == ast.IdentKind {
			e.names[expr.AsIdent()] = true
		}
		if id, ok := chosen(expr); ok {
			needs[id] = true
		}
	}))
	e.needs = slices.Sorted(maps.Keys(needs))
}

// chosen is the id in resources.id, resources.?id and resources["id"].
func chosen(expr ast.Expr) (string, bool) {
	if expr.Kind() == ast.SelectKind && isResources(expr.AsSelect().Operand()) {
		return expr.AsSelect().FieldName(), true
	}
	if expr.Kind() != ast.CallKind {
		return "", false
	}
	call := expr.AsCall()
	by := []string{operators.OptSelect, operators.Index, operators.OptIndex}
	if len(call.Args()) != 2 || !slices.Contains(by, call.FunctionName()) || !isResources(call.Args()[0]) || call.Args()[1].Kind() != ast.LiteralKind {
		return "", false
	}
	id, ok := call.Args()[1].AsLiteral().Value().(string)
	return id, ok
}

func isResources(expr ast.Expr) bool {
	return expr.Kind() == ast.IdentKind && expr.AsIdent() == Resources
}

// Output is the type of what the expression gives.
func (e *Expression) Output() *cel.Type { return e.output }

// Needs are the ids of the resources that the expression reads, sorted.
func (e *Expression) Needs() []string { return e.needs }

// Reads says whether the expression reads a variable.
func (e *Expression) Reads(variable string) bool { return e.names[variable] }

// Source is the expression as it was written.
func (e *Expression) Source() string { return e.source }

// Budget bounds what all expressions of one rendering cost together.
type Budget struct{ left uint64 }

// NewBudget is what the API server grants one request.
func NewBudget() *Budget { return &Budget{left: celconfig.RuntimeCELCostBudget} }

// Value evaluates the expression. Its error is a Fault.
func (e *Expression) Value(ctx context.Context, vars Vars, budget *Budget) (ref.Val, error) {
	value, details, err := e.program.ContextEval(ctx, map[string]any(vars))
	if details != nil && details.ActualCost() != nil {
		if *details.ActualCost() > budget.left {
			return nil, e.fault(errors.New("the expressions of this rendering cost too much together: simplify them, or nest fewer loops"))
		}
		budget.left -= *details.ActualCost()
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, e.fault(err)
	}
	return value, nil
}

// fault is what went wrong with the expression.
func (e *Expression) fault(err error) error {
	message := strings.TrimPrefix(err.Error(), "operation cancelled: ")
	if strings.Contains(message, "no such key") {
		message += ": the claim or the object has no such field now, so ask with has() or .? first"
	}
	return FaultError{Field: e.field, Message: fmt.Sprintf("%q: %s", e.source, message)}
}

// True evaluates a condition.
func (e *Expression) True(ctx context.Context, vars Vars, budget *Budget) (bool, error) {
	value, err := e.Value(ctx, vars, budget)
	if err != nil {
		return false, err
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, e.fault(fmt.Errorf("gives %s, not %s", value.Type().TypeName(), Condition))
	}
	return holds, nil
}

// Items evaluates a list.
func (e *Expression) Items(ctx context.Context, vars Vars, budget *Budget) ([]ref.Val, error) {
	value, err := e.Value(ctx, vars, budget)
	if err != nil {
		return nil, err
	}
	items, ok := elements(value)
	if !ok {
		return nil, e.fault(fmt.Errorf("gives %s, not %s", value.Type().TypeName(), List))
	}
	return items, nil
}

// JSON evaluates to plain JSON: maps, slices, strings, booleans, int64, float64
// and nil. ok is false for an optional value that is absent.
func (e *Expression) JSON(ctx context.Context, vars Vars, budget *Budget) (value any, ok bool, err error) {
	got, err := e.Value(ctx, vars, budget)
	if err != nil {
		return nil, false, err
	}
	value, ok, err = plain(got)
	if err != nil {
		return nil, false, e.fault(err)
	}
	return value, ok, nil
}

// Bytes evaluates to a string or bytes.
func (e *Expression) Bytes(ctx context.Context, vars Vars, budget *Budget) ([]byte, error) {
	value, err := e.Value(ctx, vars, budget)
	if err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case types.String:
		return []byte(v), nil
	case types.Bytes:
		return v, nil
	}
	return nil, e.fault(fmt.Errorf("gives %s, not %s", value.Type().TypeName(), Data))
}
