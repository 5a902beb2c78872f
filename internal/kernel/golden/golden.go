// Package golden compares what a test made with a file that a person has read:
// `go test -update` rewrites the files, and the diff is reviewed like code.
//
// Tests only import it. It registers the -update flag of their test binary.
package golden

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite golden files with what the tests produce")

// Check fails the test when the file at path differs from got, and shows how.
// With -update it writes got to the file, and its folder, instead.
func Check(t testing.TB, path string, got []byte) {
	t.Helper()
	check(t, path, got, *update)
}

func check(t testing.TB, path string, got []byte, rewrite bool) {
	t.Helper()
	want, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(want, got):
		return
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		t.Fatalf("read golden file: %v", err)
	case rewrite:
		write(t, path, got)
		return
	case err != nil:
		t.Fatalf("there is no golden file %s; go test -update writes it", path)
	}
	t.Errorf("%s differs (-golden +got); go test -update rewrites it:\n%s", path, cmp.Diff(string(want), string(got)))
}

func write(t testing.TB, path string, got []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatalf("make folder of golden file: %v", err)
	}
	if err := os.WriteFile(path, got, 0o644); err != nil {
		t.Fatalf("write golden file: %v", err)
	}
}

// Txtar runs one case for each archive that the pattern names, as a parallel
// subtest that is called as the file is. The case returns the archive as it
// should be, inputs included; Txtar compares it with the file, which -update
// rewrites. A pattern without any file fails the test.
func Txtar(t *testing.T, pattern string, run func(t *testing.T, archive *txtar.Archive) *txtar.Archive) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatalf("golden pattern %q: %v", pattern, err)
	}
	if len(paths) == 0 {
		t.Fatalf("golden pattern %q names no file", pattern)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatalf("read golden case: %v", err)
			}
			Check(t, path, txtar.Format(run(t, archive)))
		})
	}
}

// File returns the data of the archive's file of that name; the test fails if
// there is none.
func File(t testing.TB, archive *txtar.Archive, name string) []byte {
	t.Helper()
	for _, file := range archive.Files {
		if file.Name == name {
			return file.Data
		}
	}
	t.Fatalf("the case has no file %q", name)
	return nil
}

// SetFile puts data into the archive's file of that name, or a new last one.
func SetFile(archive *txtar.Archive, name string, data []byte) {
	for i := range archive.Files {
		if archive.Files[i].Name == name {
			archive.Files[i].Data = data
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: data})
}
