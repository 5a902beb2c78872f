package autogen

import (
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// structure visits what a mutation builds: an apply configuration, whose parts
// are named after their place in the object, or a JSON patch.
func (r *rewriter) structure(e ast.Expr, hidden []string) {
	built := e.AsStruct()
	switch name := built.TypeName(); {
	case name == "Object":
		r.wrap(e)
	case strings.HasPrefix(name, "Object."):
		r.insert(r.nameStart(e)+len("Object"), "."+strings.Join(r.nest, "."))
	}
	for _, field := range built.Fields() {
		f := field.AsStructField()
		if built.TypeName() == "JSONPatch" && (f.Name() == "path" || f.Name() == "from") {
			r.pointer(f.Value())
		}
		r.visit(f.Value(), hidden)
	}
}

// wrap puts the fields of Object{...} into the template.
func (r *rewriter) wrap(e ast.Expr) {
	if len(e.AsStruct().Fields()) == 0 {
		return
	}
	open := r.brace(e)
	var opening strings.Builder
	for i, part := range r.nest {
		opening.WriteString(part + ": Object." + strings.Join(r.nest[:i+1], ".") + "{")
	}
	r.insert(open+1, opening.String())
	r.insert(closing(r.source, open), strings.Repeat("}", len(r.nest)))
}

// brace is the place of the opening brace of a structure.
func (r *rewriter) brace(e ast.Expr) int {
	at := r.start(e)
	for at < len(r.source) && r.source[at] != '{' {
		at++
	}
	return at
}

// nameStart is where the type's name begins. The parser notes the brace.
func (r *rewriter) nameStart(e ast.Expr) int {
	at := r.start(e)
	for at > 0 && (isName(r.source[at-1]) || r.source[at-1] == '.') {
		at--
	}
	return at
}

// pointer moves a JSON pointer: the literal it is or begins with.
func (r *rewriter) pointer(e ast.Expr) {
	switch e.Kind() {
	case ast.LiteralKind:
		text, ok := e.AsLiteral().(types.String)
		if ok && (within(string(text), "/spec") || within(string(text), "/metadata")) {
			r.insert(inside(r.source, r.start(e)), "/"+strings.Join(r.nest, "/"))
		}
	case ast.CallKind:
		if c := e.AsCall(); c.FunctionName() == operators.Add {
			r.pointer(c.Args()[0])
		}
	default:
	}
}

// within tells whether a pointer is the field or something in it.
func within(pointer, field string) bool {
	return pointer == field || strings.HasPrefix(pointer, field+"/")
}
