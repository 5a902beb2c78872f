package local_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres/local"
)

// supervisorDir makes the test binary run a server until it is killed.
const supervisorDir = "ROADBED_TEST_POSTGRES_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(supervisorDir); dir != "" {
		os.Exit(playSupervisor(dir))
	}
	os.Exit(m.Run())
}

func playSupervisor(dir string) int {
	server := local.New(dir, clock.RealClock{}, slog.New(slog.DiscardHandler))
	go func() {
		url, err := server.URL(context.Background())
		fmt.Println(url, err)
	}()
	if err := server.Run(context.Background()); err != nil {
		return 1
	}
	return 0
}

// run runs a server in the folder until the test ends or stop is called.
func run(t *testing.T, dir string) (server *local.Server, stop func()) {
	t.Helper()
	if _, err := postgres.Find("initdb", 0); err != nil {
		t.Skip(err)
	}
	server = local.New(dir, clock.RealClock{}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	stopped := false
	stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	}
	t.Cleanup(stop)
	return server, stop
}

// await returns the URL of a server that may take a moment to come back.
func await(t *testing.T, server *local.Server) string {
	t.Helper()
	var url string
	eventually(t, "the server answers", func() (err error) {
		url, err = server.URL(t.Context())
		return err
	})
	return url
}

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

func value(t *testing.T, url, query string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var got string
	if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestServerIsClosed: loopback, SCRAM, no access of the public to what is there
// from the beginning, and its data readable by its own user only.
func TestServerIsClosed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	server, _ := run(t, dir)
	if awake, err := server.Available(t.Context()); awake || err != nil {
		t.Errorf("before it is needed: awake %t, %v", awake, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it made its folder before it was needed")
	}
	url := await(t, server)
	for query, want := range map[string]string{
		"show listen_addresses":        "127.0.0.1",
		"show unix_socket_directories": "",
		"show password_encryption":     "scram-sha-256",
		"show fsync":                   "on",
		"select string_agg(distinct auth_method, ',') from pg_hba_file_rules":                        "scram-sha-256",
		"select has_database_privilege('public', 'postgres', 'connect')::text":                       "false",
		"select has_database_privilege('public', 'template1', 'connect')::text":                      "false",
		"select (rolpassword like 'SCRAM-SHA-256$%')::text from pg_authid where rolname = 'roadbed'": "true",
	} {
		if got := value(t, url, query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "server"), filepath.Join(dir, "server", "data"), filepath.Join(dir, "admin-password")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			if path != dir || err != nil {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
	}
	wrong := strings.Replace(url, "roadbed:", "roadbed:x", 1)
	if conn, err := pgx.Connect(t.Context(), wrong); err == nil {
		conn.Close(t.Context())
		t.Error("a wrong password is taken")
	}
}

// TestServerKeepsItsPlace: it is started again when it is killed, at the same
// port and with its data, also by a Roadbed that starts later.
func TestServerKeepsItsPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, stop := run(t, dir)
	url := await(t, server)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "create table kept as select 'yes' as it"); err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs again", func() error {
		again, err := server.URL(t.Context())
		if err != nil || again != url {
			return fmt.Errorf("%w, moved: %t", err, again != url)
		}
		conn, err := pgx.Connect(t.Context(), again)
		if err == nil {
			err = conn.Close(t.Context())
		}
		return err
	})
	if got := value(t, url, "select it from kept"); got != "yes" {
		t.Errorf("after a kill: %q", got)
	}
	stop()
	if alive(postmaster(t, dir)) {
		t.Error("it lives after Run has returned")
	}
	later, _ := run(t, dir)
	if again := await(t, later); again != url {
		t.Error("a later start moved it to another port or gave it another password")
	}
	if got := value(t, url, "select it from kept"); got != "yes" {
		t.Errorf("after another start: %q", got)
	}
}

// TestHalfMadeClusterIsMadeAnew: initdb was killed half way.
func TestHalfMadeClusterIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	half := filepath.Join(dir, "server", "fresh")
	if err := os.MkdirAll(filepath.Join(half, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, _ := run(t, dir)
	await(t, server)
}

// TestLostPasswordIsToldApart: data without its password is left as it is.
func TestLostPasswordIsToldApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, stop := run(t, dir)
	await(t, server)
	stop()
	if err := os.Remove(filepath.Join(dir, "admin-password")); err != nil {
		t.Fatal(err)
	}
	later, _ := run(t, dir)
	eventually(t, "it says what is missing", func() error {
		_, err := later.Available(t.Context())
		if err == nil || !strings.Contains(err.Error(), "admin-password is missing") {
			return fmt.Errorf("it says %w", errors.Join(err, errors.New("and not that")))
		}
		return nil
	})
}

// TestNoOrphans kills the supervising process with -9: the server ends by itself.
func TestNoOrphans(t *testing.T) {
	t.Parallel()
	if _, err := postgres.Find("initdb", 0); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	supervisor := exec.CommandContext(t.Context(), os.Args[0])
	supervisor.Env = append(os.Environ(), supervisorDir+"="+dir)
	stdout, err := supervisor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "postgres://") {
		t.Fatalf("supervisor said %q, %v", line, err)
	}
	pid := postmaster(t, dir)
	if err := supervisor.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = supervisor.Wait() // "signal: killed"
	eventually(t, "the server is gone", func() error {
		if alive(pid) {
			return fmt.Errorf("process %d lives", pid)
		}
		return nil
	})
	server, _ := run(t, dir)
	await(t, server)
}

// postmaster is the process that used the data last.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "server", "data", "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return 0 // it has ended well
	}
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive says whether a process runs; a zombie does not.
func alive(pid int) bool {
	if pid == 0 || syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
