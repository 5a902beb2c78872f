package standalone_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// TestDamagedDirectory starts planes on directories in which one thing is
// wrong. None gets as far as running anything.
func TestDamagedDirectory(t *testing.T) {
	t.Parallel()
	const initialised = `{"version":1,"initialised":true,"ports":{}}`
	etcd := map[string]string{"etcd/member/wal/0.wal": strings.Repeat("x", 512), "etcd/member/snap/db": "x"}
	cases := []struct {
		name  string
		files map[string]string
		file  string
		says  string
	}{
		{"state is no JSON", map[string]string{"state.json": `{"version":`}, "state.json", "unexpected end"},
		{"state is from the future", map[string]string{"state.json": `{"version":9}`}, "state.json", "format version 9"},
		{"state is empty", map[string]string{"state.json": ""}, "state.json", "unexpected end"},
		{"etcd is gone", map[string]string{"state.json": initialised}, "etcd/member/wal", "no such file"},
		{"the database is gone", map[string]string{"state.json": initialised, "etcd/member/wal/0.wal": "x"}, "etcd/member/snap/db", "no such file"},
		{"the write-ahead log is gone", map[string]string{"state.json": initialised, "etcd/member/wal/0.tmp": strings.Repeat("x", 512), "etcd/member/snap/db": "x"}, "etcd/member/wal", "no write-ahead log"},
		{"the write-ahead log is cut off", map[string]string{"state.json": initialised, "etcd/member/wal/0.wal": "x", "etcd/member/snap/db": "x"}, "etcd/member/wal/0.wal", "1 bytes, which is too short"},
		{"the state and the authority are gone", etcd, "pki/ca.crt", "not exist"},
		{"the authority is gone", with(etcd, "state.json", initialised), "pki/ca.crt", "not exist"},
		{"the authority is no certificate", map[string]string{"pki/ca.crt": "nonsense"}, "pki/ca.crt", "no PEM certificate"},
		{"the authority has no key", map[string]string{"pki/ca.crt": certificate}, "pki/ca.key", "no such file"},
		{"a key is no key", map[string]string{"pki/ca.crt": certificate, "pki/ca.key": "nonsense"}, "pki/ca.key", "no PEM elliptic curve key"},
		{"the service accounts' key is no key", map[string]string{"pki/service-accounts.key": "nonsense"}, "pki/service-accounts.key", "no PEM elliptic curve key"},
		{"the encryption key is too short", map[string]string{"pki/encryption.key": "c2hvcnQ="}, "pki/encryption.key", "5 bytes, want 32"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, content := range c.files {
				write(t, filepath.Join(dir, name), content)
			}
			_, err := kubetest.StartPlane(t.Context(), kubetest.WithDataDir(dir))
			var damage *standalone.DamagedError
			if !errors.As(err, &damage) || damage.File != filepath.Join(dir, c.file) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v; want a DamagedError that names %s and says %q", err, c.file, c.says)
			}
			for name, content := range c.files {
				if after, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(after) != content {
					t.Errorf("%s was touched: %q, %v", name, after, err)
				}
			}
			if _, running, err := standalone.Inspect(dir); running || err != nil {
				t.Errorf("the directory stays locked: %t, %v", running, err)
			}
		})
	}
}

func with(files map[string]string, name, content string) map[string]string {
	all := maps.Clone(files)
	all[name] = content
	return all
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificate is some certificate; its key is not kept.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUHODIBoytr9vwp59wJS8k4VSRj8kwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMwNDAzMjVaGA8yMTI2MTAzMDA0MDMy
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNZa
QlDH/9JE0+YqksDrTQ+ja/Gv7cUrCrjciuhBtc0dN3gfUaeCa6rWwDojGmvuHVUB
1dkIiDT3t2bZDq/4UBGjUzBRMB0GA1UdDgQWBBTUTuPklLMGPuoxsgpqTdkArXjf
pjAfBgNVHSMEGDAWgBTUTuPklLMGPuoxsgpqTdkArXjfpjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQCw7w6IFhSDLci4RNIY0EdKZlHV90H+yddg
uhCIYBGngwIgIWeH96/ISY71lDcAOaJPYWT7+lwviD0FZ4PjdCojy68=
-----END CERTIFICATE-----
`
