package laws

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"
)

// Every law is shown a tree that breaks it and one that keeps it.
func TestLaws(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason string
		law          func(*Tree) []Finding
		files        map[string]string
		want         string // part of the only finding; empty means none
	}{
		{
			"cmd below cli", "the program's main only starts the command line", Imports,
			map[string]string{"cmd/x/main.go": imports("internal/app")},
			"cmd must not import internal/app",
		},
		{
			"sibling domain", "domains meet through API objects and ports", Imports,
			map[string]string{"internal/domain/a/a.go": imports("internal/domain/b")},
			"internal/domain/a must not import internal/domain/b",
		},
		{
			"sibling adapter", "an adapter knows one outside system", Imports,
			map[string]string{"internal/adapter/a/a.go": imports("internal/adapter/b")},
			"must not import internal/adapter/b",
		},
		{
			"domain and adapter", "a domain names a port instead", Imports,
			map[string]string{"internal/domain/a/a.go": imports("internal/adapter/b")},
			"must not import internal/adapter/b",
		},
		{
			"own subfolder", "a domain may import itself", Imports,
			map[string]string{"internal/domain/a/a.go": imports("internal/domain/a/engine")},
			"",
		},
		{
			"kernel upwards", "the kernel is needed by all and needs none", Imports,
			map[string]string{"internal/kernel/k/k.go": imports("internal/domain/a")},
			"kernel must not import internal/domain/a",
		},
		{
			"heavy api", "users of our types must not inherit our libraries", Imports,
			map[string]string{"api/a/a.go": "package p\nimport _ \"k8s.io/client-go/rest\"\n"},
			"api stays light",
		},
		{
			"unstable", "what may change with a release of Kubernetes is kept in one place", Imports,
			map[string]string{"internal/domain/a/a.go": "package p\nimport _ \"k8s.io/apiserver/pkg/cel/environment\"\n"},
			"k8s.io/apiserver/pkg/cel/environment, which is not stable: only internal/domain/policy/engine and",
		},
		{
			"unstable in its place", "the engine is that place", Imports,
			map[string]string{"internal/domain/policy/engine/sub/a.go": "package p\nimport _ \"k8s.io/apiserver/pkg/cel\"\n"},
			"",
		},
		{
			"light api", "these are what types are made of", Imports,
			map[string]string{"api/a/a.go": "package p\nimport _ \"k8s.io/apimachinery/pkg/runtime\"\n"},
			"",
		},
		{
			"config with code", "config embeds files and does nothing", Imports,
			map[string]string{"config/embed.go": "package p\nimport _ \"sigs.k8s.io/yaml\"\n"},
			"config stays light",
		},
		{
			"harness in the product", "the harness must not ship", Imports,
			map[string]string{"internal/app/a.go": imports("internal/kubetest")},
			"internal/kubetest is for tests only",
		},
		{
			"harness in a test", "that is what it is for", Imports,
			map[string]string{"internal/kernel/k/k_test.go": imports("internal/kubetest")},
			"",
		},
		{
			"testify", "one way to write tests", Imports,
			map[string]string{"internal/app/a_test.go": "package p\nimport _ \"github.com/stretchr/testify/assert\"\n"},
			"go-cmp",
		},
		{
			"tools and product", "tools are a module of their own", Imports,
			map[string]string{"tools/t/main.go": imports("internal/app")},
			"the module tools imports the product's",
		},
		{
			"new top-level package", "the layout is decided, not grown", Imports,
			map[string]string{"internal/stuff/a.go": imports("internal/app")},
			"is no place of the layout",
		},
		{
			"no package comment", "a package says what it gives", PackageComments,
			map[string]string{"a/a.go": "package a\n"},
			"has 0 package comments",
		},
		{
			"two package comments", "one place to look", PackageComments,
			map[string]string{"a/a.go": "// Package a.\npackage a\n", "a/b.go": "// Package a.\npackage a\n"},
			"has 2 package comments",
		},
		{
			"one package comment", "tests need none", PackageComments,
			map[string]string{"a/a.go": "// Package a.\npackage a\n", "a/a_test.go": "package a\n"},
			"",
		},
		{
			"bare function", "exports are promises", Exports,
			map[string]string{"a/a.go": "package a\nfunc F() {}\n"},
			"F is exported",
		},
		{
			"bare method", "exports are promises", Exports,
			map[string]string{"a/a.go": "package a\nfunc (t *T[X]) M() {}\n"},
			"M is exported",
		},
		{
			"bare constant", "exports are promises", Exports,
			map[string]string{"a/a.go": "package a\nconst (\n\t// A is.\n\tA = 1\n\tB = 2\n)\n"},
			"B is exported",
		},
		{
			"method of a hidden type", "nobody can see it", Exports,
			map[string]string{"a/a.go": "package a\ntype t struct{}\nfunc (t) M() {}\n"},
			"",
		},
		{
			"long function", "a reader holds one screen", Shape,
			map[string]string{"a/a.go": "package a\nfunc f() {" + strings.Repeat("\n", 60) + "}\n"},
			"f has 61 lines",
		},
		{
			"deep nesting", "return early", Shape,
			map[string]string{"a/a.go": "package a\nfunc f() { for { if true { switch { case true: select {} } } } }\n"},
			"f nests 4 deep",
		},
		{
			"else if", "it stands beside the if", Shape,
			map[string]string{"a/a.go": "package a\nfunc f(n int) { if n == 1 {} else if n == 2 {} else if n == 3 {} else if n == 4 {} }\n"},
			"",
		},
		{
			"long file", "a file is one subject", Shape,
			map[string]string{"a/a.go": "package a\n" + strings.Repeat("\n", 400)},
			"has 401 lines",
		},
		{
			"large package", "a package is one idea", Shape,
			numbered(7, "package a\n"+strings.Repeat("\n", 390)), "has 2737 lines",
		},
		{
			"generated file", "nobody reads it", Shape,
			map[string]string{"a/a.go": "// Code generated by x. DO NOT EDIT.\n\npackage a\n" + strings.Repeat("\n", 400)},
			"",
		},
		{
			"nameless package", "the name is the first comment", Names,
			map[string]string{"internal/util/a.go": "package util\n"},
			"says nothing",
		},
		{
			"few nolint", "a few are honest", Nolint,
			map[string]string{"a/a.go": "package a\n" + strings.Repeat("//nolint:x // why\n", 9)},
			"",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expect(t, c.law(load(t, c.files)), c.want, c.reason)
		})
	}
}

func TestNolintCountsTheWholeTree(t *testing.T) {
	t.Parallel()
	found := Nolint(load(t, numbered(10, "package a\n\nvar _ = 1 //nolint:x // why\n")))
	if len(found) != 10 {
		t.Errorf("found %d, want all 10 to be listed", len(found))
	}
}

func TestDocumented(t *testing.T) {
	t.Parallel()
	source := map[string]string{"api/a/a.go": "package a\nconst (\n\t// ReasonX is.\n\tReasonX = \"Excess\"\n)\n"}
	expect(t, Documented(load(t, source), "- `Excess`: too much"), "", "it is on the page")
	expect(t, Documented(load(t, source), "- `Other`"), "the reason Excess is not in", "users look it up")
	alone := map[string]string{"api/a/a.go": "package a\n\n// ReasonX is.\nconst ReasonX = \"Excess\"\n"}
	expect(t, Documented(load(t, alone), "`Excess`"), "", "the comment is the constant's own")
	bare := map[string]string{"api/a/a.go": "package a\n// Reasons.\nconst (\n\tReasonX = \"Excess\"\n)\n"}
	expect(t, Documented(load(t, bare), "`Excess`"), "no comment of its own", "the page is made from comments")
}

func TestCommands(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, reason, document, want string }{
		{"target", "it exists", "Run `make test`.", ""},
		{"no target", "it does not", "Run `make coffee`.", `no target "coffee"`},
		{"variables", "they are no targets", "```\nROADBED_KUBE=x make test V=1\n```", ""},
		{"prose", "only code is a command", "We make coffee.", ""},
		{"verb", "it exists", "`roadbed tenant list -o json --wide`", ""},
		{"no verb", "it does not", "`roadbed tenant brew`", `no verb "brew"`},
		{"in a pipe", "every part is looked at", "```sh\n$ cat x | bin/roadbed coffee # why\n```", `no verb "coffee"`},
		{"no flag", "flags are promises too", "`roadbed tenant list --hot`", "no flag --hot"},
		{"shared flag", "every verb has it", "`roadbed --context x tenant list`", ""},
		{"folder", "it is no command", "```\ncmd/roadbed/  main, and more\n```", ""},
		{"placeholder", "it stands for many", "`roadbed <verb>` and `make X`", ""},
		{"argument", "a verb without verbs takes them", "`roadbed tenant list payments`", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{"Makefile": {Data: []byte("test: a\n")}, "docs/a.md": {Data: []byte(c.document)}}
			found, err := Commands(tree, verbs())
			if err != nil {
				t.Fatal(err)
			}
			expect(t, found, c.want, c.reason)
		})
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"a.md":   {Data: []byte("fine\nsee /Den/me/x\n")},
		"go.sum": {Data: []byte("/den/me")},
		"b.bin":  {Data: []byte("\xff\xfe/den/me")},
	}
	found, err := Words(tree, []string{"/den/me"})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, found, `a.md:2: names "/den/me"`, "a reader has no such folder")
}

func TestModules(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"go.mod":      {Data: []byte("module a\n\nrequire x.org/single v1.0.0\n\nexclude (\n\tx.org/four v1.0.0\n)\n\nrequire (\n\tx.org/one v1.0.0\n\tx.org/two v1.0.0 // indirect\n\tx.org/three v1.0.0\n)\n")},
		"kube/go.mod": {Data: []byte("module b\n\nrequire (\n\tx.org/one v1.0.0\n\tx.org/four v2.0.0\n\tx.org/three v0.0.0\n\tx.org/two v1.1.0\n)\n\nreplace (\n\tx.org/one => x.org/other v9.0.0\n)\n")},
	}
	found, err := Modules(tree, "go.mod", "kube/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, found, "kube/go.mod:7: requires x.org/two v1.1.0, and go.mod v1.0.0: go get x.org/two@v1.0.0", "both need it")
	if _, err := Modules(tree, "go.mod", "gone/go.mod"); err == nil {
		t.Error("a file that is not there was accepted")
	}
}

func TestLoadNamesTheBrokenFile(t *testing.T) {
	t.Parallel()
	_, err := Load(fstest.MapFS{"a/a.go": {Data: []byte("package")}}, "example.org/m")
	if err == nil || !strings.Contains(err.Error(), "a/a.go") {
		t.Errorf("err = %v, want one that names a/a.go", err)
	}
}

// expect wants one finding that contains want, or none when want is empty.
func expect(t *testing.T, found []Finding, want, reason string) {
	t.Helper()
	switch {
	case want == "" && len(found) > 0:
		t.Errorf("found %v, want none: %s", found, reason)
	case want != "" && (len(found) != 1 || !strings.Contains(found[0].String(), want)):
		t.Errorf("found %v, want one with %q: %s", found, want, reason)
	}
}

func load(t *testing.T, files map[string]string) *Tree {
	t.Helper()
	tree, err := Load(mapFS(files), "example.org/m")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func mapFS(files map[string]string) fs.FS {
	tree := fstest.MapFS{}
	for name, content := range files {
		tree[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return tree
}

func imports(dir string) string {
	return fmt.Sprintf("package p\n\nimport _ \"example.org/m/%s\"\n", dir)
}

func numbered(n int, content string) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("a/a%d.go", i)] = content
	}
	return files
}

func verbs() *cobra.Command {
	root := &cobra.Command{Use: "roadbed"}
	root.PersistentFlags().String("context", "", "")
	tenant := &cobra.Command{Use: "tenant"}
	list := &cobra.Command{Use: "list", Run: func(*cobra.Command, []string) {}}
	list.Flags().StringP("output", "o", "", "")
	list.Flags().Bool("wide", false, "")
	tenant.AddCommand(list)
	root.AddCommand(tenant)
	return root
}
