package migrate_test

import (
	"os"
	"path/filepath"
	"testing"
)

// library are policies of the shapes that organisations have most, by name.
func library(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/library/*.yaml")
	if err != nil || len(files) < 23 {
		t.Fatalf("%d policies: %v", len(files), err)
	}
	policies := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		policies[filepath.Base(file)] = string(text)
	}
	return policies
}

// TestLibrary rewrites the policies of the library, and proves each rule equal.
func TestLibrary(t *testing.T) {
	t.Parallel()
	for name, text := range library(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prove(t, text)
		})
	}
}
