package golden

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// verdict takes what a check says instead of failing the test that runs it.
type verdict struct {
	testing.TB
	said []string
}

func (v *verdict) Helper() {}

func (v *verdict) Errorf(format string, _ ...any) { v.said = append(v.said, format) }

// Fatalf ends the check, as testing.TB's does, by a panic that judge catches.
func (v *verdict) Fatalf(format string, _ ...any) {
	v.said = append(v.said, format)
	panic(v)
}

func judge(t *testing.T, path string, got []byte, rewrite bool) (said string) {
	t.Helper()
	v := &verdict{TB: t}
	defer func() {
		if fault := recover(); fault != nil && fault != any(v) {
			panic(fault)
		}
		said = strings.Join(v.said, "\n")
	}()
	check(v, path, got, rewrite)
	return ""
}

func TestCheck(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason   string
		file     string // absent when empty
		rewrite  bool
		wantSaid string
		wantFile string
	}{
		"Same":         {reason: "what is as it was passes", file: "plan\n", wantFile: "plan\n"},
		"Differs":      {reason: "what differs fails and leaves the file alone", file: "other\n", wantSaid: "differs", wantFile: "other\n"},
		"Absent":       {reason: "a file that is missing fails and says what writes it", wantSaid: "-update"},
		"Rewrite":      {reason: "-update takes over what differs", file: "other\n", rewrite: true, wantFile: "plan\n"},
		"RewriteFirst": {reason: "-update makes file and folder", rewrite: true, wantFile: "plan\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "cases", "plan.txt")
			if tc.file != "" {
				write(t, path, []byte(tc.file))
			}
			said := judge(t, path, []byte("plan\n"), tc.rewrite)
			if (said == "") != (tc.wantSaid == "") || !strings.Contains(said, tc.wantSaid) {
				t.Errorf("said %q, want %q: %s", said, tc.wantSaid, tc.reason)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, []byte(tc.wantFile)) {
				t.Errorf("file holds %q, want %q: %s", after, tc.wantFile, tc.reason)
			}
		})
	}
}

func TestTxtar(t *testing.T) {
	t.Parallel()
	Txtar(t, "testdata/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		upper := bytes.ToUpper(File(t, archive, "input"))
		SetFile(archive, "output", upper)
		return archive
	})
}
