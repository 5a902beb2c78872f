package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestExamine(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, reason, command string
		want                  []string
	}{
		{"fresh", "the generator writes what is there", "printf one > sub/a.txt", nil},
		{"stale", "the generator writes something else", "printf two > sub/a.txt", []string{"sub/a.txt"}},
		{"missing", "the generator writes a file nobody committed", "printf x > new.txt", []string{"new.txt"}},
		{"left over", "the generator no longer writes it", "rm sub/a.txt", []string{"sub/a.txt"}},
		{"tools", "bin is no source", "printf x > bin/tool", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write(t, filepath.Join(root, "sub", "a.txt"), "one")
			write(t, filepath.Join(root, "bin", "tool"), "tool")
			got, err := examine(root, c.command)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("examine = %q, want %q: %s", got, c.want, c.reason)
			}
			if content, _ := os.ReadFile(filepath.Join(root, "sub", "a.txt")); string(content) != "one" {
				t.Errorf("the tree itself was changed: %q", content)
			}
		})
	}
}

func TestExamineReportsABrokenGenerator(t *testing.T) {
	t.Parallel()
	if _, err := examine(t.TempDir(), "exit 1"); err == nil {
		t.Error("a failing generator was taken for a fresh tree")
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
