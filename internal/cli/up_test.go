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
			if err != nil || p.flags.dataDir != c.dataDir || !slices.Equal(rest, c.rest) {
				t.Errorf("folder %q, rest %q, %v", p.flags.dataDir, rest, err)
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
		{"status", []string{"status"}, exitFailed, "Roadbed is not running"},
		{"down has nothing to do", []string{"down"}, exitOK, "not running"},
		{"reset has nothing to do", []string{"reset", "--yes"}, exitOK, "There is nothing at"},
		{"kubeconfig", []string{"kubeconfig", "--as", "x"}, exitFailed, "has no cluster yet"},
		{"kubeconfig for nobody", []string{"kubeconfig", "--group", "x"}, exitUsage, "--group needs --as"},
		{"up with a wrong number", []string{"up", "--nodes", "-1"}, exitUsage, "--nodes must not be negative"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := newSession(t)
			code := s.run(t, c.args...)
			if said := s.out.String() + s.err.String(); code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit code %d, want %d; said %q, want %q", code, c.code, said, c.says)
			}
			if entries, err := os.ReadDir(s.vars["HOME"]); err != nil || len(entries) != 0 {
				t.Errorf("left behind %v, %v", entries, err)
			}
		})
	}
}

// TestResetSparesOtherFolders gives it a folder that no platform made.
func TestResetSparesOtherFolders(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	precious := filepath.Join(s.vars["HOME"], "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := s.run(t, "reset", "--yes", "--data-dir", s.vars["HOME"]); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if !exists(precious) {
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
			s := newSession(t)
			p := &program{Env: s.Env}
			err := p.follow(t.Context(), newStartScreen(p), strings.NewReader(c.lines))
			if got := errors.Join(err); (got == nil) != (c.err == "") || got != nil && got.Error() != c.err {
				t.Errorf("ends with %v, want %q", err, c.err)
			}
			if !bytes.Contains(s.err.Bytes(), []byte("0.0s  etcd is ready\n")) {
				t.Errorf("showed %q", s.err.String())
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
		s := newSession(t)
		s.Live = live
		screen := newStartScreen(&program{Env: s.Env})
		s.err.Reset()
		screen.turn()
		screen.step(embedded.Progress{Message: "etcd is ready"})
		if got := s.err.String(); strings.TrimLeft(got, " ") != strings.TrimLeft(want, " ") {
			t.Errorf("live %t: %q, want %q", live, got, want)
		}
	}
}
