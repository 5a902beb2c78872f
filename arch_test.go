// Package roadbed_test holds the repository to its laws: what internal/laws
// says of code, and that every example applies.
package roadbed_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli"
	"github.com/roadbed-dev/roadbed/internal/laws"
)

const module = "github.com/roadbed-dev/roadbed"

func TestLaws(t *testing.T) {
	t.Parallel()
	tree, err := laws.Load(root(), module)
	if err != nil {
		t.Fatal(err)
	}
	for name, law := range map[string]func(*laws.Tree) []laws.Finding{
		"imports point one way":                    laws.Imports,
		"one comment for each package":             laws.PackageComments,
		"everything exported is explained":         laws.Exports,
		"functions, files and packages stay small": laws.Shape,
		"package names say something":              laws.Names,
		"the linter is rarely silenced":            laws.Nolint,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report(t, law(tree))
		})
	}
}

func TestConditionReasonsAreDocumented(t *testing.T) {
	t.Parallel()
	tree, err := laws.Load(root(), module)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/reference/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Constants("Reason")) == 0 {
		t.Error("found no reason at all: the law looks in the wrong place")
	}
	report(t, laws.Documented(tree, string(page)))
}

func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	found, err := laws.Commands(root(), cli.Reference())
	if err != nil {
		t.Fatal(err)
	}
	report(t, found)
}

// TestReadmeSetsUpWithTwoCommands holds the README to its promise.
func TestReadmeSetsUpWithTwoCommands(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## Set up\n")
	if !found {
		t.Fatal(`README.md has no section "Set up"`)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	_, block, _ := strings.Cut(section, "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	var commands []string
	for line := range strings.Lines(block) {
		command, _, _ := strings.Cut(line, "#")
		commands = append(commands, strings.TrimSpace(command))
	}
	if got := strings.Join(commands, "; "); got != "make up; make test" {
		t.Errorf(`section "Set up" shows %q, want make up and make test and nothing else`, got)
	}
}

func TestNothingNamesTheMachineItWasWrittenOn(t *testing.T) {
	t.Parallel()
	// Joined here, so that this file does not name them either.
	refused := []string{"/wo" + "rk/", "/ro" + "ot/", "/home" + "/", ".." + "/shared", "proxy." + "golang.org", "registry." + "npmjs", "deb." + "debian"}
	found, err := laws.Words(root(), refused)
	if err != nil {
		t.Fatal(err)
	}
	report(t, found)
}

// TestControlPlaneRequiresWhatTheProductDoes keeps minutes of compiling away.
func TestControlPlaneRequiresWhatTheProductDoes(t *testing.T) {
	t.Parallel()
	found, err := laws.Modules(root(), "go.mod", "kube/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	report(t, found)
}

// root is the repository: tests run in the directory of their package.
func root() fs.FS { return os.DirFS(".") }

func report(t *testing.T, found []laws.Finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}
