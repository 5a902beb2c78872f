package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestStampFollowsWhatIsBuilt(t *testing.T) {
	t.Parallel()
	before := fstest.MapFS{"go.mod": {Data: []byte("module m")}, "main.go": {Data: []byte("package main")}}
	base := mustStamp(t, before, "go1 linux")
	cases := []struct {
		name, reason string
		module       fstest.MapFS
		platform     string
		same         bool
	}{
		{"test file", "tests are not linked", with(before, "main_test.go", "package main"), "go1 linux", true},
		{"notes", "only Go and module files count", with(before, "README.md", "x"), "go1 linux", true},
		{"source", "the code changed", with(before, "main.go", "package main\n"), "go1 linux", false},
		{"go.sum", "a dependency changed", with(before, "go.sum", "x"), "go1 linux", false},
		{"Go version", "the compiler changed", before, "go2 linux", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := mustStamp(t, c.module, c.platform) == base; got != c.same {
				t.Errorf("same stamp = %v, want %v: %s", got, c.same, c.reason)
			}
		})
	}
}

func TestCurrentNeedsExecutableAndStamp(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "kube")
	if current(out, "a") {
		t.Error("current without an executable")
	}
	write(t, stampPath(out), "a\n")
	if current(out, "a") {
		t.Error("current with a stamp but no executable")
	}
	write(t, out, "binary")
	if !current(out, "a") || current(out, "b") {
		t.Error("the stamp does not decide")
	}
}

func TestVersionFlags(t *testing.T) {
	t.Parallel()
	flags, err := versionFlags("v1.37.2")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"version.gitVersion=v1.37.2", "gitMajor=1 ", "gitMinor=37 "} {
		if !strings.Contains(flags, want) {
			t.Errorf("flags %q lack %q", flags, want)
		}
	}
	if _, err := versionFlags("latest"); err == nil {
		t.Error("the version latest was accepted")
	}
}

func TestMeterCountsCompiledPackages(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := newMeter(&out, false, "kube")
	defer m.stop()
	if !m.fetched("go: downloading example.org/a v1.0.0") || m.fetched("# example.org/a") {
		t.Error("downloads are told from other lines wrongly")
	}
	m.expect([]string{"a", "b"})
	if !m.compiled("a") || m.compiled("a") || m.compiled("a.go:1:1: syntax error") {
		t.Error("packages are told from other lines wrongly")
	}
	if got, want := m.line(90*time.Second), "building kube: 1 of 2 packages compiled, 1m30s"; got != want {
		t.Errorf("line = %q, want %q", got, want)
	}
}

func mustStamp(t *testing.T, module fstest.MapFS, platform string) string {
	t.Helper()
	sum, err := stamp(module, platform)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func with(module fstest.MapFS, name, content string) fstest.MapFS {
	changed := fstest.MapFS{name: {Data: []byte(content)}}
	for other, file := range module {
		if other != name {
			changed[other] = file
		}
	}
	return changed
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
