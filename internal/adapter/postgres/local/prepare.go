package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
)

// place is the folder, ready for a server.
type place struct {
	binary, password string
	// handle is the folder server/, inherited by the server as descriptor 4.
	handle *os.File
	// data is the database cluster as the server is to name it.
	data string
}

func (p *place) close() { _ = p.handle.Close() } // nothing is written through it

// unprivileged is who the server runs as; nil where Roadbed itself is not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root: make a user postgres: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", account.Username, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", account.Username, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// prepare makes the folder and the database cluster in it, where they are
// missing. The caller closes the place.
func (s *Server) prepare(ctx context.Context, owner *syscall.Credential) (*place, error) {
	release, err := s.release()
	if err != nil {
		return nil, err
	}
	binary, err := exactly("postgres", release)
	if err != nil {
		return nil, err
	}
	server := filepath.Join(s.dir, "server")
	if err := os.MkdirAll(server, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the PostgreSQL server: %w", err)
	}
	if owner != nil {
		if err := os.Chown(server, int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, fmt.Errorf("give the folder to the server's user: %w", err)
		}
	}
	password, err := s.password()
	if err != nil {
		return nil, err
	}
	handle, err := os.Open(server)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the PostgreSQL server: %w", err)
	}
	p := &place{binary: binary, password: password, handle: handle, data: filepath.Join(reach(server, owner), "data")}
	if release == 0 {
		err = s.initialise(ctx, p, owner)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// exactly finds a program of the version; 0 means the newest.
func exactly(program string, version int) (string, error) {
	path, err := postgres.Find(program, version)
	if err != nil || version == 0 {
		return path, err
	}
	said, err := exec.Command(path, "--version").Output() // "postgres (PostgreSQL) 15.18 ..."
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	if !strings.Contains(string(said), fmt.Sprintf(") %d.", version)) {
		return "", fmt.Errorf("the data was made by PostgreSQL %d, which is not installed any more: install postgresql-%d again", version, version)
	}
	return path, nil
}

// reach is a path to the folder that the server's user can follow, however
// closed the folders above are: on Linux through the descriptor it inherits.
func reach(folder string, owner *syscall.Credential) string {
	if owner == nil || runtime.GOOS != "linux" {
		return folder
	}
	return "/proc/self/fd/" + strconv.Itoa(handleDescriptor)
}

// initialise makes a database cluster beside its place and then puts it there.
func (s *Server) initialise(ctx context.Context, p *place, owner *syscall.Credential) error {
	fresh, secret := filepath.Join(s.dir, "server", "fresh"), filepath.Join(s.dir, "server", "password")
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(secret)); err != nil {
		return fmt.Errorf("remove what is half made: %w", err)
	}
	defer func() { _ = os.Remove(secret) }() // removed again at the next start
	if err := writeFor(secret, p.password, owner); err != nil {
		return fmt.Errorf("write the administrator's password: %w", err)
	}
	near := filepath.Dir(p.data)
	command := exec.CommandContext(ctx, filepath.Join(filepath.Dir(p.binary), "initdb"), "--pgdata="+filepath.Join(near, "fresh"),
		"--username="+admin, "--auth=scram-sha-256", "--pwfile="+filepath.Join(near, "password"), "--encoding=UTF8", "--locale=C", "--data-checksums")
	command.Dir, command.Env = "/", environment()
	command.ExtraFiles = []*os.File{p.handle, p.handle} // the second is the one that counts
	command.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, tail(said))
	}
	if err := os.Rename(fresh, s.data()); err != nil {
		return fmt.Errorf("put the database cluster in its place: %w", err)
	}
	return p.handle.Sync()
}

func writeFor(path, text string, owner *syscall.Credential) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil || owner == nil {
		return err
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

// environment is all that programs of PostgreSQL get of ours.
func environment() []string { return []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/", "TZ=UTC"} }

// tail is the end of what a program said.
func tail(said []byte) string {
	return strings.TrimSpace(string(said[max(0, len(said)-1000):]))
}

// password is the administrator's, made when there is none.
func (s *Server) password() (string, error) {
	path := filepath.Join(s.dir, "admin-password")
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return string(text), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the administrator's password: %w", err)
	}
	if exists(s.data()) {
		return "", fmt.Errorf("%s is missing, and with it the way into the database cluster: restore the file", path)
	}
	made := rand.Text()
	if err := os.WriteFile(path, []byte(made), 0o600); err != nil {
		return "", fmt.Errorf("keep the administrator's password: %w", err)
	}
	return made, nil
}

// port is where the server listened before if that is free, else another.
func (s *Server) port() (int, error) {
	path := filepath.Join(s.dir, "port")
	before := "0"
	if text, err := os.ReadFile(path); err == nil {
		before = strings.TrimSpace(string(text))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+before)
	if err != nil {
		if s.stillEnding() {
			return 0, errors.New("the server of an earlier Roadbed is still ending")
		}
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(port)), 0o600); err != nil {
		return 0, fmt.Errorf("keep the port: %w", err)
	}
	return port, nil
}

// stillEnding says whether the process that used the database cluster last lives.
func (s *Server) stillEnding() bool {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	return err == nil && pid > 1 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
