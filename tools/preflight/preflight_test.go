package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	t.Parallel()
	enough := sizeNeed("memory", 1<<30, 4<<30, "killed")
	cases := []struct {
		name, reason string
		needs        []need
		goOn         bool
		contains     string
	}{
		{"all there", "nothing is short", []need{goNeed("go1.26.8", "go1.26.0"), enough}, true, "4.0 GiB"},
		{"old Go", "nothing could be compiled", []need{goNeed("go1.25.1", "go1.26.0"), enough}, false, "install a newer Go"},
		{"little memory", "it may still work", []need{sizeNeed("memory", 4<<30, 1<<30, "killed")}, true, "killed"},
		{"silent system", "what is not known is not short", []need{sizeNeed("memory", 4<<30, 0, "killed")}, true, "unknown"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if got := report(&out, c.needs); got != c.goOn {
				t.Errorf("report = %v, want %v: %s", got, c.goOn, c.reason)
			}
			if !strings.Contains(out.String(), c.contains) {
				t.Errorf("output lacks %q:\n%s", c.contains, out.String())
			}
		})
	}
}

func TestGoVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "go.mod")
	if err := os.WriteFile(path, []byte("module m\n\ngo 1.26.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := goVersion(path); err != nil || got != "go1.26.0" {
		t.Errorf("goVersion = %q, %v", got, err)
	}
	if _, err := goVersion(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestThisMachineAnswers(t *testing.T) {
	t.Parallel()
	if freeDisk(t.TempDir()) == 0 {
		t.Error("free disk is unknown")
	}
	if memory() == 0 {
		t.Error("memory is unknown")
	}
}
