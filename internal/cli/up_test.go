package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/app/embedded"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

func TestKubectlTakesTheDataFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason  string
		args    []string
		dataDir string
		rest    []string
	}{
		{"nothing to take", []string{"get", "pods", "-n", "x"}, "", []string{"get", "pods", "-n", "x"}},
		{"two words", []string{"--data-dir", "/d", "get", "pods"}, "/d", []string{"get", "pods"}},
		{"one word", []string{"get", "--data-dir=/d", "pods"}, "/d", []string{"get", "pods"}},
		{"what follows -- is a program's", []string{"exec", "p", "--", "ls", "--data-dir=/d"}, "", []string{"exec", "p", "--", "ls", "--data-dir=/d"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			p := &program{}
			rest, err := p.takeOwnFlags(c.args)
			if err != nil || p.Flags.DataDir != c.dataDir || !slices.Equal(rest, c.rest) {
				t.Errorf("folder %q, rest %q, %v", p.Flags.DataDir, rest, err)
			}
		})
	}
	if _, err := (&program{}).takeOwnFlags([]string{"--data-dir"}); err == nil {
		t.Error("a flag without its value is taken")
	}
}

func TestPlatformVerbsWithoutAPlatform(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		args   []string
		code   int
		says   string
	}{
		{"status", []string{"status"}, verb.ExitFailed, "Roadbed is not running"},
		{"down has nothing to do", []string{"down"}, verb.ExitOK, "not running"},
		{"reset has nothing to do", []string{"reset", "--yes"}, verb.ExitOK, "There is nothing at"},
		{"kubeconfig", []string{"kubeconfig", "--as", "x"}, verb.ExitFailed, "has no cluster yet"},
		{"kubeconfig for nobody", []string{"kubeconfig", "--group", "x"}, verb.ExitUsage, "--group needs --as"},
		{"kubeconfig for an empty name", []string{"kubeconfig", "--as", ""}, verb.ExitUsage, "--as names nobody"},
		{"up with a wrong number", []string{"up", "--nodes", "-1"}, verb.ExitUsage, "--nodes must not be negative"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := verbtest.New(t)
			code := run(t, s, c.args...)
			if said := s.Stdout.String() + s.Stderr.String(); code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit code %d, want %d; said %q, want %q", code, c.code, said, c.says)
			}
			if entries, err := os.ReadDir(s.Vars["HOME"]); err != nil || len(entries) != 0 {
				t.Errorf("left behind %v, %v", entries, err)
			}
		})
	}
}

// TestResetSparesOtherFolders gives it a folder that no platform made.
func TestResetSparesOtherFolders(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	precious := filepath.Join(s.Vars["HOME"], "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(t, s, "reset", "--yes", "--data-dir", s.Vars["HOME"]); code != verb.ExitFailed {
		t.Errorf("exit code %d, want %d", code, verb.ExitFailed)
	}
	if !verb.Exists(precious) {
		t.Error("the folder is gone")
	}
}

// TestFollow reads what a daemon tells.
func TestFollow(t *testing.T) {
	t.Parallel()
	const first = `{"phase":"ControlPlane","message":"etcd is ready"}` + "\n"
	for _, c := range []struct {
		reason, lines string
		err           string
	}{
		{"it becomes ready", first + `{"phase":"Ready","message":"the server is ready"}` + "\n", ""},
		{"it fails", first + `{"phase":"Failed","message":"failed","error":"etcd ended"}` + "\n", "etcd ended"},
		{"it vanishes", first, io.EOF.Error()},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := verbtest.New(t)
			p := &program{*s.Program()}
			err := p.follow(t.Context(), newStartScreen(p), strings.NewReader(c.lines))
			if got := errors.Join(err); (got == nil) != (c.err == "") || got != nil && got.Error() != c.err {
				t.Errorf("ends with %v, want %q", err, c.err)
			}
			if !bytes.Contains(s.Stderr.Bytes(), []byte("0.0s  etcd is ready\n")) {
				t.Errorf("showed %q", s.Stderr.String())
			}
		})
	}
}

func TestSpinnerTurnsOnATerminalOnly(t *testing.T) {
	t.Parallel()
	for live, want := range map[bool]string{
		false: "  0.0s  etcd is ready\n",
		true:  "\r\x1b[K/  0.0s\r\x1b[K   0.0s  etcd is ready\n",
	} {
		s := verbtest.New(t)
		s.Live = live
		screen := newStartScreen(&program{*s.Program()})
		s.Stderr.Reset()
		screen.turn()
		screen.step(embedded.Progress{Message: "etcd is ready"})
		if got := s.Stderr.String(); strings.TrimLeft(got, " ") != strings.TrimLeft(want, " ") {
			t.Errorf("live %t: %q, want %q", live, got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"/srv/me/.local/share/roadbed/kubeconfig": "/srv/me/.local/share/roadbed/kubeconfig",
		"/srv/my files/kubeconfig":                "'/srv/my files/kubeconfig'",
		"/it's/$here":                             `'/it'\''s/$here'`,
		"":                                        "''",
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q is written %s, want %s", word, got, want)
		}
	}
}

// TestKubeconfigIsPrivate writes over a file that everybody may read.
func TestKubeconfigIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "developer.kubeconfig")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writePrivate(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "new" {
		t.Errorf("content %q, %v", content, err)
	}
}

// TestStatusOfAPlatformThatHasSaidNothing knows no more than its process.
func TestStatusOfAPlatformThatHasSaidNothing(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	p := &program{*s.Program()}
	state := embedded.State{Running: true, Reason: "starting", Plane: standalone.Status{PID: 7, DataDir: "/d"}}
	if err := p.printStatus(platformStatus{State: state}, false); err != nil {
		t.Fatal(err)
	}
	if said := s.Stdout.String(); !strings.HasPrefix(said, "Roadbed is not ready: starting\nprocess 7\ndata /d\n") {
		t.Errorf("said %q", said)
	}
}
