// Package database opens the SQL database that history goes to: SQLite in a
// file by default, PostgreSQL by URL.
package database

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver pgx
	_ "modernc.org/sqlite"             // registers the driver sqlite
)

// The dialects of SQL.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// patience is how long Open waits for the database to answer.
const patience = 10 * time.Second

// Open opens a database and checks that it answers. Where is a postgres:// URL
// or the path of a SQLite file, which is made when absent. It returns the
// dialect too. The caller closes the database. No error contains a password.
func Open(ctx context.Context, where string) (*sql.DB, string, error) {
	driver, dialect, source := "sqlite", SQLite, sqliteSource(where)
	if strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://") {
		driver, dialect, source = "pgx", Postgres, where
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, "", fmt.Errorf("open database %s: %w", Redacted(where), err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close() // it never opened
		return nil, "", fmt.Errorf("open database %s: %w", Redacted(where), err)
	}
	return db, dialect, nil
}

// sqliteSource asks for a write-ahead log, patience with other writers, and
// transactions that take the write lock at once instead of failing half-way.
func sqliteSource(path string) string {
	settings := url.Values{
		"_pragma": {"journal_mode(WAL)", "busy_timeout(10000)", "foreign_keys(1)", "synchronous(NORMAL)"},
		"_txlock": {"immediate"},
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
}

// Redacted is where without its password, for messages.
func Redacted(where string) string {
	parsed, err := url.Parse(where)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	return parsed.Redacted()
}
