package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Dump writes a database in pg_dump's custom format, as its owner role would see
// it. An error means that what was written is worthless.
func (s *Server) Dump(ctx context.Context, database, owner string, to io.Writer) error {
	pool, err := s.connect(ctx)
	if err != nil {
		return err
	}
	a, err := s.account(ctx, pool)
	if err != nil {
		return err
	}
	bin, err := Find("pg_dump", a.version)
	if err != nil {
		return err
	}
	logins, err := s.Logins(ctx, owner)
	if err != nil {
		return err
	}
	if err := s.reassign(ctx, pool, database, owner, slices.Sorted(maps.Keys(logins))...); err != nil {
		return fmt.Errorf("prepare the dump of %q: %w", database, err)
	}
	config, where := pool.Config().ConnConfig.Config, pool.Config().ConnString()
	command := exec.CommandContext(ctx, bin, "--format=custom", "--no-password", "--lock-wait-timeout=60s", "--role="+owner, "--dbname="+database)
	command.Env = environment(&config, where)
	said := &bounded{limit: 4 << 10}
	command.Stdout, command.Stderr = to, said
	if err := command.Run(); err != nil {
		return fmt.Errorf("pg_dump of %q: %w: %s", database, err, strings.TrimSpace(said.text.String()))
	}
	return nil
}

// environment tells a client program of PostgreSQL how to connect: no password
// is among its arguments, which everybody on the machine can read.
func environment(config *pgconn.Config, where string) []string {
	env := []string{
		"PGHOST=" + config.Host, "PGPORT=" + strconv.Itoa(int(config.Port)), "PGUSER=" + config.User,
		"PGPASSWORD=" + config.Password, "PGSSLMODE=" + sslModeOf(config, where), "PGAPPNAME=roadbed", "PGCONNECT_TIMEOUT=10", "LC_ALL=C",
	}
	parsed, err := url.Parse(where)
	if err != nil {
		return env
	}
	for key, name := range map[string]string{"sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"} {
		if value := parsed.Query().Get(key); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// bounded keeps the beginning of what a program said.
type bounded struct {
	text  bytes.Buffer
	limit int
}

// Write never fails.
func (b *bounded) Write(p []byte) (int, error) {
	b.text.Write(p[:min(len(p), max(0, b.limit-b.text.Len()))])
	return len(p), nil
}

// folders are where packages put PostgreSQL's programs; the star is a version.
var folders = []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"}

// ErrNotInstalled says that a program of PostgreSQL is missing.
var ErrNotInstalled = errors.New("PostgreSQL is not installed on this machine")

// Find looks for a program of PostgreSQL of that version or a newer one, the
// oldest of these first; version 0 asks for the newest there is. Its error says
// what to install.
func Find(program string, version int) (string, error) {
	found := map[int]string{}
	for _, folder := range folders {
		matches, err := filepath.Glob(filepath.Join(folder, program))
		if err != nil {
			return "", fmt.Errorf("look in %q: %w", folder, err)
		}
		for _, match := range matches {
			found[versionIn(match)] = match
		}
	}
	versions := slices.Sorted(maps.Keys(found))
	if version == 0 && len(versions) > 0 {
		return found[versions[len(versions)-1]], nil
	}
	for _, have := range versions {
		if have >= version {
			return found[have], nil
		}
	}
	if path, err := exec.LookPath(program); err == nil && len(versions) == 0 {
		return path, nil
	}
	if version == 0 {
		return "", fmt.Errorf("%w (no %s): install it, on Debian and Ubuntu with apt-get install postgresql", ErrNotInstalled, program)
	}
	return "", fmt.Errorf("%w in version %d or newer (no %s): install it, on Debian and Ubuntu with apt-get install postgresql-%d", ErrNotInstalled, version, program, version)
}

// versionIn is the number in the path of a program, 0 when there is none.
func versionIn(path string) int {
	for part := range strings.SplitSeq(path, "/") {
		digits := part[strings.LastIndexAny(part, "-@")+1:]
		if version, err := strconv.Atoi(digits); err == nil {
			return version
		}
	}
	return 0
}
