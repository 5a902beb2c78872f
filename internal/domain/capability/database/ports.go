package database

import (
	"context"
	"io"
)

// Server keeps databases. Every method MUST be repeatable after it died half
// way, MUST NOT write what is already so, and no error may hold a password.
type Server interface {
	// Available says why databases cannot be had and what to do, or nil. It must be cheap.
	Available(ctx context.Context) error
	// Address is where tenants reach the server.
	Address(ctx context.Context) (host string, port int, sslMode string, err error)
	// EnsureDatabase makes a database that only members of its owner role may
	// connect to. One of that name with another mark is an error.
	EnsureDatabase(ctx context.Context, name, owner, mark string, connections int) error
	// Drop ends a database with its connections, logins and owner role.
	Drop(ctx context.Context, name, owner, mark string, logins ...string) error
	// Measure is the size of a database in bytes.
	Measure(ctx context.Context, name string) (int64, error)
}

// Logins lets people into databases. The same holds as for Server.
type Logins interface {
	// Logins are the logins of an owner role with their marks; the mark of one
	// that is locked is empty.
	Logins(ctx context.Context, owner string) (map[string]string, error)
	// SetLogin makes a login or gives it another password and mark, all at once.
	SetLogin(ctx context.Context, database, owner, login, password, mark string, connections int) error
	// LockLogin keeps a login out and ends its sessions.
	LockLogin(ctx context.Context, database, owner, login string) error
	// Accepts says whether the server lets the login in with the password.
	Accepts(ctx context.Context, database, login, password string) (bool, error)
}

// Dumper copies databases out.
type Dumper interface {
	// Dump writes a database; an error means that what was written is worthless.
	Dump(ctx context.Context, database, owner string, to io.Writer) error
}

// Store keeps backups. It must be safe for concurrent use.
type Store interface {
	// Put keeps what write writes under the name: all of it, durably, or nothing
	// when write fails. An earlier one of the name is replaced.
	Put(ctx context.Context, name string, write func(io.Writer) error) error
	// List are the names that begin with the prefix, sorted.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete deletes one. What is not there counts as deleted.
	Delete(ctx context.Context, name string) error
}
