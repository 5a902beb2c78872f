package applied

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
)

// Kept is a list of the object that a configuration filters, which keeps all
// elements.
type Kept struct {
	// Field is the list, "spec.containers".
	Field string
	// Atomic are a few fields of its elements that cannot be applied: an element
	// that has one is refused.
	Atomic []string
}

// Configuration is an apply configuration that could be parsed.
type Configuration struct {
	parsed    *cel.Ast
	variables map[string]ast.Expr
}

// Parse reads a configuration and the variables of its policy; nil if it cannot
// be parsed, which compiling reports.
func Parse(expression string, variables []admissionregistrationv1.Variable) *Configuration {
	env := dialect.Kyverno().Env(dialect.Declarations{HasAuthorizer: true, HasPatchTypes: true})
	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		return nil
	}
	c := &Configuration{parsed: parsed, variables: map[string]ast.Expr{}}
	for _, variable := range variables {
		if one, issues := env.Parse(variable.Expression); issues.Err() == nil {
			c.variables[variable.Name] = one.NativeRep().Expr()
		}
	}
	return c
}

// Atomic are the fields that the configuration writes and that are replaced as a
// whole in objects of the kind, sorted: the API server refuses them.
func (c *Configuration) Atomic(kind schema.GroupVersionKind) []string {
	types := typesOf(kind)
	if types == nil {
		return nil
	}
	var found []string
	c.fields(func(path []string, _ ast.Expr) {
		if _, depth := types.at(path); depth == len(path) {
			found = append(found, strings.Join(path, "."))
		}
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// Kept are the lists of the object that the configuration filters, of objects of
// the kind, in the order of their fields.
func (c *Configuration) Kept(kind schema.GroupVersionKind) []Kept {
	types := typesOf(kind)
	if types == nil {
		return nil
	}
	var found []Kept
	c.fields(func(path []string, value ast.Expr) {
		field := strings.Join(path, ".")
		if _, depth := types.at(path); depth != 0 || !c.filters(value, field, maxDepth) {
			return
		}
		found = append(found, Kept{Field: field, Atomic: types.below(path)})
	})
	slices.SortFunc(found, func(a, b Kept) int { return strings.Compare(a.Field, b.Field) })
	return slices.CompactFunc(found, func(a, b Kept) bool { return a.Field == b.Field })
}

// maxDepth is how many variables within one another are looked into.
const maxDepth = 4

// fields visits every field that is written, with its path in the object.
func (c *Configuration) fields(visit func(path []string, value ast.Expr)) {
	ast.PreOrderVisit(ast.NavigateAST(c.parsed.NativeRep()), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.StructKind {
			return
		}
		names := strings.Split(e.AsStruct().TypeName(), ".")
		if names[0] != "Object" {
			return
		}
		for _, field := range e.AsStruct().Fields() {
			one := field.AsStructField()
			visit(append(slices.Clone(names[1:]), one.Name()), one.Value())
		}
	}))
}

// filters tells whether a value is, or begins with, some elements of the object's
// own list at the field. Depth is how many variables are looked into, one within
// the other: they may name each other in a circle.
func (c *Configuration) filters(value ast.Expr, field string, depth int) bool {
	switch value.Kind() {
	case ast.ComprehensionKind:
		return isFilter(value.AsComprehension()) && pathOf(value.AsComprehension().IterRange()) == "object."+field
	case ast.CallKind:
		call := value.AsCall()
		switch call.FunctionName() {
		case operators.Add:
			return slices.ContainsFunc(call.Args(), func(side ast.Expr) bool { return c.filters(side, field, depth) })
		case operators.Conditional:
			return slices.ContainsFunc(call.Args()[1:], func(branch ast.Expr) bool { return c.filters(branch, field, depth) })
		}
	case ast.SelectKind:
		of := value.AsSelect()
		if known := c.variables[of.FieldName()]; known != nil && depth > 0 && pathOf(of.Operand()) == "variables" {
			return c.filters(known, field, depth-1)
		}
	default:
	}
	return false
}

// isFilter tells of the macro filter: each step adds the element itself, or nothing.
func isFilter(loop ast.ComprehensionExpr) bool {
	step := loop.LoopStep()
	if step.Kind() != ast.CallKind || step.AsCall().FunctionName() != operators.Conditional {
		return false
	}
	sum := step.AsCall().Args()[1]
	if sum.Kind() != ast.CallKind || sum.AsCall().FunctionName() != operators.Add {
		return false
	}
	added := sum.AsCall().Args()[1]
	if added.Kind() != ast.ListKind || added.AsList().Size() != 1 {
		return false
	}
	element := added.AsList().Elements()[0]
	return element.Kind() == ast.IdentKind && element.AsIdent() == loop.IterVar()
}

// pathOf is the path that an expression selects, "object.spec.volumes", whether or
// not it says what to take where that is absent; empty for anything else.
func pathOf(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		return joined(pathOf(e.AsSelect().Operand()), e.AsSelect().FieldName())
	case ast.CallKind:
		call := e.AsCall()
		switch {
		case call.FunctionName() == operators.OptSelect && call.Args()[1].Kind() == ast.LiteralKind:
			name, _ := call.Args()[1].AsLiteral().Value().(string)
			return joined(pathOf(call.Args()[0]), name)
		case call.FunctionName() == "orValue" && call.IsMemberFunction():
			return pathOf(call.Target())
		}
	default:
	}
	return ""
}

func joined(path, name string) string {
	if path == "" || name == "" {
		return ""
	}
	return path + "." + name
}
