// Package laws checks what the compiler does not: who may import whom, how
// large a function may grow, that everything exported is explained, that
// documents name commands which exist.
//
// A law is a pure function from a parsed tree to findings; no findings means
// the law holds. The laws are applied to this repository by arch_test.go at
// its root. They read source text only, never build output, so a cached test
// result is as good as a fresh one. Only tests may import the package.
package laws

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Finding is one place that breaks a law.
type Finding struct {
	// Where is a file, a line of one, or a package, from the tree's root.
	Where string
	// What is wrong, and where it helps what to do.
	What string
}

// String joins place and complaint as compilers do.
func (f Finding) String() string { return f.Where + ": " + f.What }

// Tree is a parsed source tree.
type Tree struct {
	// Module is the module path of the tree's root.
	Module string
	// Files are all Go files in order of their paths.
	Files []*File

	positions *token.FileSet
}

// File is one parsed Go file.
type File struct {
	// Path from the tree's root, with slashes; Dir is its directory, "." for the root.
	Path, Dir string
	// Test files end in _test.go; generated ones say so in their first lines.
	Test, Generated bool
	// Lines is the number of lines.
	Lines int
	// AST holds declarations and comments.
	AST *ast.File
}

// Load parses every Go file of the tree. Directories named testdata, vendor,
// node_modules or bin are left out, and so are those that begin with a dot or
// an underscore.
func Load(tree fs.FS, module string) (*Tree, error) {
	t := &Tree{Module: module, positions: token.NewFileSet()}
	err := walk(tree, func(name string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		return t.parse(tree, name)
	})
	slices.SortFunc(t.Files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	return t, err
}

func (t *Tree) parse(tree fs.FS, name string) error {
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(t.positions, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse %q: %w", name, err)
	}
	t.Files = append(t.Files, &File{
		Path:      name,
		Dir:       path.Dir(name),
		Test:      strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(parsed),
		Lines:     bytes.Count(content, []byte("\n")),
		AST:       parsed,
	})
	return nil
}

// written are the files that people write and ship: neither tests nor generated.
func (t *Tree) written() []*File {
	return slices.DeleteFunc(slices.Clone(t.Files), func(f *File) bool { return f.Test || f.Generated })
}

// at names the line of a node.
func (t *Tree) at(node ast.Node) string {
	position := t.positions.Position(node.Pos())
	return fmt.Sprintf("%s:%d", position.Filename, position.Line)
}

var skippedDirs = map[string]bool{"testdata": true, "vendor": true, "node_modules": true, "bin": true}

// walk visits every file outside skipped directories.
func walk(tree fs.FS, visit func(name string) error) error {
	return fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			return visit(name)
		}
		base := path.Base(name)
		if name != "." && (skippedDirs[base] || base[0] == '.' || base[0] == '_') {
			return fs.SkipDir
		}
		return nil
	})
}
