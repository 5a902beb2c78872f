package standalone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/roadbed-dev/roadbed/internal/standalone/pki"
)

// Modes of everything in a data directory: its owner alone may look.
const (
	privateDir  = 0o700
	privateFile = 0o600
)

// layout knows where things are in a data directory. The package comment
// lists them.
type layout string

func (l layout) path(elements ...string) string {
	return filepath.Join(append([]string{string(l)}, elements...)...)
}

func (l layout) lock() string                { return l.path("lock") }
func (l layout) owner() string               { return l.path("owner") }
func (l layout) state() string               { return l.path("state.json") }
func (l layout) status() string              { return l.path("status.json") }
func (l layout) kubeconfig() string          { return l.path("kubeconfig") }
func (l layout) pki() string                 { return l.path("pki") }
func (l layout) client(name string) string   { return l.path("clients", name+".kubeconfig") }
func (l layout) config(name string) string   { return l.path("config", name) }
func (l layout) admission(t string) string   { return l.path("config", "admission", t) }
func (l layout) etcd() string                { return l.path("etcd") }
func (l layout) writeAheadLog() string       { return l.path("etcd", "member", "wal") }
func (l layout) database() string            { return l.path("etcd", "member", "snap", "db") }
func (l layout) log(component string) string { return l.path("logs", component+".log") }
func (l layout) auditLog() string            { return l.path("logs", "audit.log") }

// prepare makes the folders. An existing data directory that others may read
// is closed to them.
func (l layout) prepare() error {
	for _, dir := range []string{"", "pki", "clients", "config", "logs"} {
		if err := os.MkdirAll(l.path(dir), privateDir); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
	}
	if err := os.Chmod(string(l), privateDir); err != nil {
		return fmt.Errorf("close data directory to others: %w", err)
	}
	return nil
}

// damaged wraps err as damage of the file.
func (l layout) damaged(file string, err error) error {
	return &DamagedError{Dir: string(l), File: file, Err: err}
}

// damagedKey turns a certificate or key that cannot be used into damage.
func (l layout) damagedKey(err error) error {
	if bad, ok := errors.AsType[*pki.UnusableError](err); ok {
		return l.damaged(bad.File, bad.Err)
	}
	return err
}
