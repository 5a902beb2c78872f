// Package postgrestest gives tests a PostgreSQL server of their own, from the
// installed binaries, on a loopback port that nobody else uses. Tests only.
package postgrestest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/kernel/freeport"
)

// Need skips the test where no binaries of PostgreSQL are installed: for a program
// that runs them itself.
func Need(t testing.TB) {
	t.Helper()
	if binaries() == "" {
		t.Skip("PostgreSQL is not installed")
	}
}

// Start starts a server that ends with the test, and returns its URL. Where no
// binaries of PostgreSQL are installed the test is skipped; make test installs
// them.
func Start(t testing.TB) string {
	t.Helper()
	Need(t)
	bin := binaries()
	dir := t.TempDir()
	owner := unprivileged(t, dir)
	data := filepath.Join(dir, "data")
	run(t, owner, filepath.Join(bin, "initdb"), "-D", data, "-U", "roadbed", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
	at := freeport.Draw(t)
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", "", "-h", "127.0.0.1", "-p", strconv.Itoa(int(at.Port())), "-F")
	var said bytes.Buffer
	server.Stdout, server.Stderr, server.SysProcAttr = &said, &said, owner
	check(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT) // fast shutdown
		_ = server.Wait()
	})
	where := "postgres://roadbed@" + at.String() + "/postgres?sslmode=disable"
	await(t, where, &said)
	return where
}

// binaries finds the newest installed server.
func binaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	return found[len(found)-1]
}

// unprivileged gives the folder to somebody other than root, whom the server
// refuses to run as.
func unprivileged(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	check(t, err)
	uid, err := strconv.ParseUint(nobody.Uid, 10, 31)
	check(t, err)
	gid, err := strconv.ParseUint(nobody.Gid, 10, 31)
	check(t, err)
	check(t, os.Chown(dir, int(uid), int(gid)))
	check(t, os.Chmod(filepath.Dir(dir), 0o755)) // the server must reach its folder
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func run(t testing.TB, owner *syscall.SysProcAttr, name string, args ...string) {
	t.Helper()
	command := exec.Command(name, args...)
	command.SysProcAttr = owner
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, said)
	}
}

// await returns when the server answers.
func await(t testing.TB, where string, said *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		db, _, err := database.Open(ctx, where)
		if err == nil {
			check(t, db.Close())
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("PostgreSQL does not answer: %v\n%s", err, said)
		case <-tick.C:
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
