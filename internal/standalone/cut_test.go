package standalone_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// checkCutLog cuts the write-ahead log of a stopped plane in the middle of what
// was written. etcd would go on with the first half.
func checkCutLog(t *testing.T, dir string) {
	logs, err := filepath.Glob(filepath.Join(dir, "etcd", "member", "wal", "*.wal"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("write-ahead logs: %v, %v", logs, err)
	}
	newest := logs[len(logs)-1]
	intact, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	written := len(bytes.TrimRight(intact, "\x00")) // The rest is room for more.
	for _, cut := range []struct {
		name    string
		content []byte
	}{
		{"the file is shorter", intact[:written/2]},
		{"its end is zeros", append(bytes.Clone(intact[:written/2]), make([]byte, len(intact)-written/2)...)},
	} {
		if err := os.WriteFile(newest, cut.content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = kubetest.StartPlane(t.Context(), kubetest.WithDataDir(dir))
		var damage *standalone.DamagedError
		if !errors.As(err, &damage) || damage.File != newest || !strings.Contains(err.Error(), "was written") {
			t.Errorf("%s: %v, want a DamagedError that names %s", cut.name, err, newest)
		}
		if after, err := os.ReadFile(newest); err != nil || !bytes.Equal(after, cut.content) {
			t.Errorf("%s: the cut log was touched (%v)", cut.name, err)
		}
	}
	if err := os.WriteFile(newest, intact, 0o600); err != nil {
		t.Fatal(err)
	}
}
