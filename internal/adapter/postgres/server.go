package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Bounds of what Roadbed asks of a server.
const (
	// connections is how many Roadbed opens at most to administer.
	connections = 4
	// patience is how long a connection may take to open.
	patience = 10 * time.Second
	// oldest is the oldest version of PostgreSQL that can be administered: it
	// knows DROP DATABASE ... WITH (FORCE).
	oldest = 13
)

// SQLSTATE codes that mean something to Roadbed.
const (
	codeInvalidPassword      = "28P01"
	codeInvalidAuthorization = "28000"
	codeInsufficient         = "42501"
	codeNoSuchDatabase       = "3D000"
	codeNoSuchSchema         = "3F000"
)

// Source says where the server is.
type Source interface {
	// URL is the administrator's postgres:// URL. Its error says what is missing
	// and what to do about it. It must be safe for concurrent use.
	URL(ctx context.Context) (string, error)
	// Available says whether the server answers already; one that does not is
	// started by URL. Its error says why neither is so. It must be cheap.
	Available(ctx context.Context) (awake bool, err error)
}

// At is a server at a fixed URL.
type At string

// URL returns the URL.
func (a At) URL(context.Context) (string, error) { return string(a), nil }

// Available says that others look after the server.
func (a At) Available(context.Context) (awake bool, err error) { return true, nil }

// Server administers a PostgreSQL server. It is safe for concurrent use; Close
// ends it.
type Server struct {
	source Source
	trace  pgx.QueryTracer // nil but in tests

	mu   sync.Mutex // guards pool and url
	pool *pgxpool.Pool
	url  string
}

// New returns the server that the source tells of. Nothing is connected to
// before it is needed.
func New(source Source) *Server { return &Server{source: source} }

// Close ends all connections.
func (s *Server) Close() {
	s.mu.Lock()
	old := s.pool
	s.pool = nil
	s.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// connect returns the pool of administrators' connections.
func (s *Server) connect(ctx context.Context) (*pgxpool.Pool, error) {
	url, err := s.source.URL(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool != nil && s.url == url {
		return s.pool, nil
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of the PostgreSQL server cannot be read: it has the form postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full")
	}
	config.MaxConns, config.MaxConnIdleTime = connections, time.Minute
	config.ConnConfig.ConnectTimeout = patience
	config.ConnConfig.Tracer = s.trace
	config.ConnConfig.RuntimeParams["search_path"] = "pg_catalog"
	config.ConnConfig.RuntimeParams["application_name"] = "roadbed"
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	if old := s.pool; old != nil {
		go old.Close() // It waits for what is being asked, which ends with its context.
	}
	s.pool, s.url = pool, url
	return pool, nil
}

// account is what the administrator may do, and on which server.
type account struct {
	version                         int
	super, createRole, createDB     bool
	name, maintenance, replicaOrNot string
}

func (s *Server) account(ctx context.Context, pool *pgxpool.Pool) (account, error) {
	var a account
	err := pool.QueryRow(ctx, `select current_setting('server_version_num')::int / 10000, rolsuper, rolcreaterole, rolcreatedb,
		rolname, current_database(), case when pg_is_in_recovery() then 'replica' else '' end
		from pg_roles where rolname = current_user`).
		Scan(&a.version, &a.super, &a.createRole, &a.createDB, &a.name, &a.maintenance, &a.replicaOrNot)
	if err != nil {
		return account{}, fmt.Errorf("ask PostgreSQL who the administrator is: %w", err)
	}
	return a, nil
}

// Available is nil when the server answers and may be administered, or will
// once it is needed; its error says what to do.
func (s *Server) Available(ctx context.Context) error {
	if awake, err := s.source.Available(ctx); err != nil || !awake {
		return err
	}
	pool, err := s.connect(ctx)
	if err != nil {
		return err
	}
	a, err := s.account(ctx, pool)
	switch {
	case err != nil:
		return err
	case a.version < oldest:
		return fmt.Errorf("the server is PostgreSQL %d: version %d or newer is needed", a.version, oldest)
	case a.replicaOrNot != "":
		return errors.New("the server is a replica: give the URL of the primary")
	case !a.super && (!a.createDB || !a.createRole):
		return fmt.Errorf("user %q may not administer the server: run ALTER ROLE %s CREATEDB CREATEROLE", a.name, quoted(a.name))
	}
	return nil
}

// Address says where tenants reach the server: host, port, and the sslmode they
// connect with.
func (s *Server) Address(ctx context.Context) (host string, port int, sslMode string, err error) {
	url, err := s.source.URL(ctx)
	if err != nil {
		return "", 0, "", err
	}
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		return "", 0, "", errors.New("the URL of the PostgreSQL server cannot be read")
	}
	return config.Host, int(config.Port), sslModeOf(config, url), nil
}

// Measure is the size of a database in bytes.
func (s *Server) Measure(ctx context.Context, database string) (int64, error) {
	pool, err := s.connect(ctx)
	if err != nil {
		return 0, err
	}
	var size int64
	if err := pool.QueryRow(ctx, `select pg_database_size($1)`, database).Scan(&size); err != nil {
		return 0, fmt.Errorf("measure database %q: %w", database, err)
	}
	return size, nil
}

// in connects to another database of the server, as the administrator. The
// caller closes the connection.
func (s *Server) in(ctx context.Context, pool *pgxpool.Pool, database string) (*pgx.Conn, error) {
	config := pool.Config().ConnConfig
	config.Database = database
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to database %q: %w", database, err)
	}
	return conn, nil
}

// Accepts says whether the server lets the login in with the password.
func (s *Server) Accepts(ctx context.Context, database, login, password string) (bool, error) {
	pool, err := s.connect(ctx)
	if err != nil {
		return false, err
	}
	config := pool.Config().ConnConfig
	config.Database, config.User, config.Password, config.Tracer = database, login, password, nil
	conn, err := pgx.ConnectConfig(ctx, config)
	if code := codeOf(err); code == codeInvalidPassword || code == codeInvalidAuthorization {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("try login %q on database %q: %w", login, database, err)
	}
	return true, conn.Close(ctx)
}

// codeOf is the SQLSTATE of an error, empty when it has none.
func codeOf(err error) string {
	if told, ok := errors.AsType[*pgconn.PgError](err); ok {
		return told.Code
	}
	return ""
}

// quoted is an identifier as SQL has it.
func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
