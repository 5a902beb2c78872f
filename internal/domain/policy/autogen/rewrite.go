package autogen

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/parser"
)

// nest is where a kind keeps the template of the Pods it creates.
type nest []string

var (
	template    = nest{"spec", "template"}
	jobTemplate = nest{"spec", "jobTemplate", "spec", "template"}
)

// owned are fields of metadata that stay the workload's own: the Pods it creates
// have others.
var owned = []string{"namespace", "name"}

// loops are macros that name a variable of their own in their first argument.
var loops = []string{
	"all", "exists", "exists_one", "existsOne", "map", "filter", "bind",
	"transformList", "transformMap", "transformMapEntry",
}

// edit is text to insert at an offset, in code points.
type edit struct {
	at   int
	text string
}

// rewriter collects the edits of one expression.
type rewriter struct {
	nest   nest
	source []rune
	info   *ast.SourceInfo
	edits  []edit
}

// rewrite moves an expression about a Pod to where a workload keeps its Pods'
// template. An expression that cannot be parsed stays as it is: compiling it
// tells what is wrong.
func rewrite(expression string, at nest) string {
	parse, err := parser.NewParser(parser.EnableOptionalSyntax(true), parser.EnableIdentEscapeSyntax(true))
	if err != nil || expression == "" {
		return expression
	}
	parsed, issues := parse.Parse(common.NewTextSource(expression))
	if len(issues.GetErrors()) > 0 {
		return expression
	}
	r := &rewriter{nest: at, source: []rune(expression), info: parsed.SourceInfo()}
	r.visit(parsed.Expr(), nil)
	return r.apply()
}

// apply inserts the edits from the last to the first.
func (r *rewriter) apply() string {
	slices.SortStableFunc(r.edits, func(a, b edit) int { return b.at - a.at })
	text := r.source
	for _, e := range r.edits {
		text = slices.Concat(text[:e.at:e.at], []rune(e.text), text[e.at:])
	}
	return string(text)
}

// visit walks an expression. Hidden are variables that a loop has given another
// meaning.
func (r *rewriter) visit(e ast.Expr, hidden []string) {
	switch e.Kind() {
	case ast.SelectKind:
		sel := e.AsSelect()
		r.root(sel.Operand(), sel.FieldName(), hidden)
		r.visit(sel.Operand(), hidden)
	case ast.CallKind:
		r.call(e.AsCall(), hidden)
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			r.visit(element, hidden)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.visit(entry.AsMapEntry().Key(), hidden)
			r.visit(entry.AsMapEntry().Value(), hidden)
		}
	case ast.StructKind:
		r.structure(e, hidden)
	default:
	}
}

// call visits a call: object.?spec and object["spec"] are calls too.
func (r *rewriter) call(c ast.CallExpr, hidden []string) {
	args := c.Args()
	switch c.FunctionName() {
	case operators.OptSelect, operators.Index, operators.OptIndex:
		if len(args) == 2 && args[1].Kind() == ast.LiteralKind {
			if field, ok := args[1].AsLiteral().(types.String); ok {
				r.root(args[0], string(field), hidden)
			}
		}
	}
	inner := hidden
	if c.IsMemberFunction() {
		r.visit(c.Target(), hidden)
		inner = r.shadowed(c, hidden)
	}
	for _, arg := range args {
		r.visit(arg, inner)
	}
}

// shadowed adds the variables of a loop.
func (r *rewriter) shadowed(c ast.CallExpr, hidden []string) []string {
	if !slices.Contains(loops, c.FunctionName()) {
		return hidden
	}
	for _, arg := range c.Args()[:max(len(c.Args())-1, 0)] {
		if arg.Kind() == ast.IdentKind {
			hidden = append(slices.Clone(hidden), arg.AsIdent())
		}
	}
	return hidden
}

// root moves object or oldObject, of which a field is taken, to the template.
// A choice of the two moves both.
func (r *rewriter) root(operand ast.Expr, field string, hidden []string) {
	if field != "spec" && field != "metadata" {
		return
	}
	switch operand.Kind() {
	case ast.IdentKind:
		name := operand.AsIdent()
		if (name == "object" || name == "oldObject") && !slices.Contains(hidden, name) && !r.ownField(operand, field) {
			r.insert(r.start(operand)+len(name), "."+strings.Join(r.nest, "."))
		}
	case ast.CallKind:
		if c := operand.AsCall(); c.FunctionName() == operators.Conditional {
			r.root(c.Args()[1], field, hidden)
			r.root(c.Args()[2], field, hidden)
		}
	default:
	}
}

// ownField tells whether object.metadata.name or object.metadata.namespace
// begins here. They stay, as Kyverno leaves them.
func (r *rewriter) ownField(operand ast.Expr, field string) bool {
	if field != "metadata" {
		return false
	}
	rest := r.source[r.start(operand)+len(operand.AsIdent()):]
	path := fieldsAfter(rest)
	return len(path) > 1 && slices.Contains(owned, path[1])
}

func (r *rewriter) start(e ast.Expr) int {
	offsets, _ := r.info.GetOffsetRange(e.ID())
	return int(offsets.Start)
}

func (r *rewriter) insert(at int, text string) {
	if at <= len(r.source) && !slices.Contains(r.edits, edit{at, text}) {
		r.edits = append(r.edits, edit{at, text})
	}
}
