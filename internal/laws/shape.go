package laws

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
)

// The largest that hand-written code may grow.
const (
	maxFunctionLines = 60
	maxNesting       = 3
	maxFileLines     = 400
	maxPackageLines  = 2500
	maxNolint        = 9
)

// Shape holds hand-written code to its size: functions, nesting, files and packages.
func Shape(t *Tree) []Finding {
	var found []Finding
	packages := map[string]int{}
	for _, file := range t.written() {
		packages[file.Dir] += file.Lines
		if file.Lines > maxFileLines {
			found = append(found, Finding{file.Path, fmt.Sprintf("has %d lines, more than %d", file.Lines, maxFileLines)})
		}
		found = append(found, t.functions(file)...)
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		if packages[dir] > maxPackageLines {
			found = append(found, Finding{dir, fmt.Sprintf("has %d lines, more than %d", packages[dir], maxPackageLines)})
		}
	}
	return found
}

func (t *Tree) functions(file *File) []Finding {
	var found []Finding
	for _, declaration := range file.AST.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		name := function.Name.Name
		if n := t.lines(function); n > maxFunctionLines {
			found = append(found, Finding{t.at(function), fmt.Sprintf("%s has %d lines, more than %d", name, n, maxFunctionLines)})
		}
		if n := nesting(function.Body); n > maxNesting {
			found = append(found, Finding{t.at(function), fmt.Sprintf("%s nests %d deep, deeper than %d", name, n, maxNesting)})
		}
	}
	return found
}

// lines counts from the signature to the closing brace.
func (t *Tree) lines(node ast.Node) int {
	return t.positions.Position(node.End()).Line - t.positions.Position(node.Pos()).Line + 1
}

// nesting is the number of control statements around the innermost one, itself
// included. An else-if stands beside its if, not inside it.
func nesting(body *ast.BlockStmt) int {
	d := depth{deepest: new(int), beside: map[ast.Stmt]bool{}}
	ast.Walk(d, body)
	return *d.deepest
}

// depth is an ast.Visitor that knows how deep it is.
type depth struct {
	now     int
	deepest *int
	beside  map[ast.Stmt]bool
}

// Visit goes one deeper for each control statement.
func (d depth) Visit(node ast.Node) ast.Visitor {
	switch statement := node.(type) {
	case *ast.IfStmt:
		d.beside[statement.Else] = true
		if d.beside[statement] {
			return d
		}
	case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
	default:
		return d
	}
	d.now++
	*d.deepest = max(*d.deepest, d.now)
	return d
}

var saysNothing = []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared"}

// Names refuses packages whose name says nothing of what they give.
func Names(t *Tree) []Finding {
	var found []Finding
	for dir := range t.byDir() {
		if slices.Contains(saysNothing, path.Base(dir)) {
			found = append(found, Finding{dir, "its name says nothing: name it after what it gives"})
		}
	}
	return found
}

// Nolint refuses a tree that silences its linter too often.
func Nolint(t *Tree) []Finding {
	var found []Finding
	for _, file := range t.Files {
		for _, comment := range comments(file) {
			if strings.HasPrefix(comment.Text, "//nolint") {
				found = append(found, Finding{t.at(comment), "silences the linter: " + comment.Text})
			}
		}
	}
	if len(found) <= maxNolint {
		return nil
	}
	return found
}

func comments(file *File) []*ast.Comment {
	var all []*ast.Comment
	for _, group := range file.AST.Comments {
		all = append(all, group.List...)
	}
	return all
}

// byDir groups the hand-written files by directory.
func (t *Tree) byDir() map[string][]*File {
	dirs := map[string][]*File{}
	for _, file := range t.written() {
		dirs[file.Dir] = append(dirs[file.Dir], file)
	}
	return dirs
}
