package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
	"k8s.io/utils/clock"
)

// handleDescriptor is the descriptor as which programs inherit the folder; the
// lifeline is 3.
const handleDescriptor = 4

// guard runs beside the server: it ends the server, with a fast shutdown, when
// the lifeline closes, and ends with it.
const guard = `
"$@" 3<&- &
server=$!
trap 'kill -INT $server 2>/dev/null' INT TERM
( read -r never <&3; kill -INT $server 2>/dev/null ) &
reader=$!
wait $server
code=$?
while kill -0 $server 2>/dev/null; do wait $server; code=$?; done
kill $reader 2>/dev/null
exit $code
`

// running is a server and the shell beside it.
type running struct {
	command  *exec.Cmd
	lifeline *os.File
	ended    chan error // gets how it ended, once
}

func (s *Server) start(p *place, owner *syscall.Credential, port int) (*running, error) {
	output, err := os.OpenFile(filepath.Join(s.dir, "output.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of the PostgreSQL server: %w", err)
	}
	defer func() { _ = output.Close() }() // the server has its own
	held, lifeline, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a lifeline: %w", err)
	}
	defer func() { _ = held.Close() }() // the server has its own
	arguments := append([]string{"-c", guard, "postgres-guard", p.binary, "-D", p.data}, settings(port)...)
	command := exec.Command("/bin/sh", arguments...)
	command.Dir, command.Env = "/", environment()
	command.ExtraFiles = []*os.File{held, p.handle}
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: owner}
	if err := command.Start(); err != nil {
		_ = lifeline.Close() // nobody holds the other end
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	r := &running{command: command, lifeline: lifeline, ended: make(chan error, 1)}
	go func() { r.ended <- command.Wait() }()
	return r, nil
}

// settings are those that hold whatever postgresql.conf says. Statements that
// fail are not logged: a user's may hold a password.
func settings(port int) []string {
	var arguments []string
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(port), "unix_socket_directories=", "password_encryption=scram-sha-256",
		"max_connections=200", "logging_collector=on", "log_directory=log", "log_filename=postgresql-%a.log",
		"log_rotation_age=1d", "log_rotation_size=0", "log_truncate_on_rotation=on", "log_checkpoints=off",
		"log_min_error_statement=panic", "log_parameter_max_length_on_error=0",
	} {
		arguments = append(arguments, "-c", setting)
	}
	return arguments
}

// stop ends the server and waits for it: fast, and when it does not listen by
// force.
func (r *running) stop(clk clock.Clock) error {
	if err := r.lifeline.Close(); err != nil {
		return fmt.Errorf("let go of the lifeline: %w", err)
	}
	select {
	case ended := <-r.ended: // however it ended: it was told to
		r.ended <- ended
		return nil
	case <-clk.After(stopGrace):
	}
	if err := syscall.Kill(-r.command.Process.Pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("end PostgreSQL by force: %w", err)
	}
	r.ended <- <-r.ended // by the signal
	return nil
}

// open waits until the server answers, and closes to the public what PostgreSQL
// opens to it.
func (s *Server) open(ctx context.Context, url string, r *running) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := shut(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case ended := <-r.ended:
			r.ended <- ended // for stop
			said, _ := os.ReadFile(filepath.Join(s.dir, "output.log"))
			return fmt.Errorf("PostgreSQL ended while it started: %w: %s", orZero(ended), tail(said))
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-s.clock.After(probeEvery):
		}
	}
}

// shut keeps tenants out of the databases that are there from the beginning.
func shut(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "revoke all on database postgres, template1 from public")
	if closed := conn.Close(ctx); err == nil {
		err = closed
	}
	return err
}
