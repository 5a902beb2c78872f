package laws

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// PackageComments wants exactly one package comment in each package.
func PackageComments(t *Tree) []Finding {
	var found []Finding
	dirs := t.byDir()
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		var commented []string
		for _, file := range dirs[dir] {
			if file.AST.Doc.Text() != "" {
				commented = append(commented, file.Path)
			}
		}
		if len(commented) != 1 {
			found = append(found, Finding{dir, fmt.Sprintf("has %d package comments, want one %q", len(commented), commented)})
		}
	}
	return found
}

// Exports wants a comment on everything exported. One comment may serve a
// block of constants or variables.
func Exports(t *Tree) []Finding {
	var found []Finding
	for _, file := range t.written() {
		for _, declaration := range file.AST.Decls {
			for _, name := range undocumented(declaration) {
				found = append(found, Finding{t.at(name), name.Name + " is exported and has no comment"})
			}
		}
	}
	return found
}

// undocumented returns the exported names of a declaration that nothing explains.
func undocumented(declaration ast.Decl) []*ast.Ident {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc == nil {
			return undocumentedSpecs(d.Specs)
		}
	}
	return nil
}

func undocumentedSpecs(specs []ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	for _, spec := range specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			if s.Doc == nil && s.Comment == nil {
				names = append(names, s.Names...)
			}
		}
	}
	return slices.DeleteFunc(names, func(name *ast.Ident) bool { return !name.IsExported() })
}

// exportedReceiver tells whether a function belongs to no type or to an exported one.
func exportedReceiver(function *ast.FuncDecl) bool {
	if function.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(function.Recv.List[0].Type, func(node ast.Node) bool {
		name, ok := node.(*ast.Ident)
		exported = exported || ok && name.IsExported()
		return !ok
	})
	return exported
}

// Constant is a string constant with what its comments say.
type Constant struct {
	// Name of the constant, its value, and the package directory it is in.
	Name, Value, Dir string
	// Doc is the constant's own comment, Group the one of the block it is in.
	Doc, Group string

	where string
}

// Constants lists the string constants whose names begin with prefix, tests
// and generated files left out, in order of package and declaration.
func (t *Tree) Constants(prefix string) []Constant {
	var found []Constant
	for _, file := range t.written() {
		for _, declaration := range file.AST.Decls {
			if block, ok := declaration.(*ast.GenDecl); ok && block.Tok == token.CONST {
				found = append(found, t.constants(file, block)...)
			}
		}
	}
	return slices.DeleteFunc(found, func(c Constant) bool { return !strings.HasPrefix(c.Name, prefix) })
}

func (t *Tree) constants(file *File, block *ast.GenDecl) []Constant {
	var found []Constant
	for _, spec := range block.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok || len(value.Names) != 1 || len(value.Values) != 1 {
			continue
		}
		c := Constant{Name: value.Names[0].Name, Dir: file.Dir, where: t.at(value), Doc: text(value.Doc), Group: text(block.Doc)}
		if !block.Lparen.IsValid() { // a constant by itself is its own block
			c.Doc, c.Group = c.Group, ""
		}
		if literal, ok := value.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			c.Value, _ = strconv.Unquote(literal.Value) // the parser has accepted it, so it is quoted
			found = append(found, c)
		}
	}
	return found
}

func text(comment *ast.CommentGroup) string { return strings.TrimSpace(comment.Text()) }

// Documented wants each condition reason explained by its own comment, and
// listed in the reference page as `Value`.
func Documented(t *Tree, page string) []Finding {
	var found []Finding
	for _, r := range t.Constants("Reason") {
		if r.Doc == "" {
			found = append(found, Finding{r.where, r.Name + " has no comment of its own"})
		}
		if !strings.Contains(page, "`"+r.Value+"`") {
			found = append(found, Finding{r.where, fmt.Sprintf("the reason %s is not in docs/reference/conditions.md", r.Value)})
		}
	}
	return found
}
