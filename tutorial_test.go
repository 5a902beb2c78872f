package roadbed_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/adapter/database/postgrestest"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// step is a block of commands of the tutorial, and what it must print.
type step struct {
	line     int
	commands string
	prints   []string
}

var fence = regexp.MustCompile("(?s)```(sh|text)\n(.*?\n)```\n")

// tutorialSteps reads the blocks marked sh; a block marked text holds what
// the one before it must print, one part of the output for each line.
func tutorialSteps(text string) []step {
	var steps []step
	for _, block := range fence.FindAllStringSubmatchIndex(text, -1) {
		kind, body := text[block[2]:block[3]], text[block[4]:block[5]]
		if kind == "sh" {
			line := 2 + strings.Count(text[:block[0]], "\n")
			steps = append(steps, step{line: line, commands: body})
			continue
		}
		last := &steps[len(steps)-1]
		last.prints = strings.Split(strings.TrimSpace(body), "\n")
	}
	return steps
}

func TestTutorialSteps(t *testing.T) {
	t.Parallel()
	got := tutorialSteps("a\n```\nnot run\n```\n```sh\none\ntwo\n```\nb\n```text\nout\nmore\n```\n```sh\nthree\n```\n")
	want := []step{
		{line: 6, commands: "one\ntwo\n", prints: []string{"out", "more"}},
		{line: 15, commands: "three\n"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(step{})); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// TestTutorial follows the first tutorial on a platform of its own.
func TestTutorial(t *testing.T) {
	t.Parallel()
	shell := newShell(t)
	shell.must(t, "roadbed up")
	t.Cleanup(func() { shell.must(t, "roadbed down") })
	for _, s := range tutorialSteps(read(t, "docs/tutorial/first-tenant.md")) {
		shell.follow(t, s)
	}
}

// TestCapabilityTutorial follows the second one, which starts the platform itself.
// Claims are served where that says: another platform may have the usual port.
func TestCapabilityTutorial(t *testing.T) {
	t.Parallel()
	postgrestest.Need(t)
	shell := newShell(t)
	for _, dir := range []string{shell.dir, filepath.Dir(shell.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL never runs as root, and must reach its folder
			t.Fatal(err)
		}
	}
	text := read(t, "docs/tutorial/first-capability.md")
	t.Cleanup(func() { shell.must(t, "roadbed down") })
	shell.follow(t, tutorialSteps(text)[0])
	at := regexp.MustCompile(`claims over HTTP at http://(127\.0\.0\.1:[0-9]+)/v1`).FindStringSubmatch(shell.must(t, "roadbed status"))
	if at == nil {
		t.Fatal("the status does not say where claims are served")
	}
	for _, s := range tutorialSteps(strings.ReplaceAll(text, "127.0.0.1:8080", at[1]))[1:] {
		shell.follow(t, s)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// follow runs a step and looks for what it must print.
func (s shell) follow(t *testing.T, step step) {
	t.Helper()
	output := s.must(t, step.commands)
	for _, part := range step.prints {
		if !strings.Contains(output, strings.TrimSpace(part)) {
			t.Errorf("line %d prints no %q:\n%s", step.line, part, output)
		}
	}
}

// shell runs commands in a folder and home of its own, with the product in its path.
type shell struct {
	dir, path string
}

func newShell(t *testing.T) shell {
	t.Helper()
	bin, err := product()
	if err != nil {
		t.Fatal(err)
	}
	return shell{dir: t.TempDir(), path: bin}
}

// product builds the product into a folder, once for all tutorials.
var product = sync.OnceValues(func() (string, error) {
	kube, err := kubetest.Binary()
	if err != nil {
		return "", err
	}
	bin, err := os.MkdirTemp("", "roadbed-tutorial-")
	if err != nil {
		return "", err
	}
	kubetest.AtExit(func() error { return os.RemoveAll(bin) })
	if err := os.Symlink(kube, filepath.Join(bin, "roadbed-kube")); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "roadbed"), "./cmd/roadbed").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build roadbed: %w\n%s", err, out)
	}
	return bin, nil
})

// must runs commands, the first failure of which fails the test, and returns
// what they print.
func (s shell) must(t *testing.T, commands string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(),
		"PATH="+s.path+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOME="+s.dir, "KUBECONFIG=", "NO_COLOR=1",
		"ROADBED_DATA_DIR="+filepath.Join(s.dir, "data"), "ROADBED_KUBE="+filepath.Join(s.path, "roadbed-kube"),
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, out)
	}
	return string(out)
}
