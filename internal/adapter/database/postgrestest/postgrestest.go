// Package postgrestest gives tests a PostgreSQL server of their own, from the
// installed binaries, on a loopback port that
// nobody else uses. Tests only.
package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
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
	port := freePort(t)
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", "", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-F")
	var said bytes.Buffer
	server.Stdout, server.Stderr, server.SysProcAttr = &said, &said, owner
	check(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT) // fast shutdown
		_ = server.Wait()
	})
	where := fmt.Sprintf("postgres://roadbed@127.0.0.1:%d/postgres?sslmode=disable", port)
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

// freePort draws one that no outgoing connection is given, as those from 32768 on
// are: between here and the server's start nobody takes it.
func freePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := 12_000 + rand.IntN(8_000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil && listener.Close() == nil {
			return port
		}
	}
	t.Fatal("no free port between 12000 and 20000 on 127.0.0.1 in 200 draws")
	return 0
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
