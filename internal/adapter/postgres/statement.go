package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// executor runs a statement: a pool, a connection or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// run executes a statement; an empty one does nothing.
func run(ctx context.Context, on executor, statement string) error {
	if statement == "" {
		return nil
	}
	_, err := on.Exec(ctx, statement)
	return err
}

// inTransaction executes all of the statements or none.
func inTransaction(ctx context.Context, pool *pgxpool.Pool, statements ...string) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, statement := range statements {
			if err := run(ctx, tx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// literal is a text as SQL has it, whatever standard_conforming_strings says.
func literal(text string) string {
	escaped := strings.NewReplacer("'", "''", `\`, `\\`).Replace(text)
	if strings.Contains(text, `\`) {
		return " E'" + escaped + "'"
	}
	return "'" + escaped + "'"
}

// cutLast divides at the last space: quoted names may hold some.
func cutLast(text string) (before, after string) {
	at := strings.LastIndexByte(text, ' ')
	return text[:at], text[at+1:]
}

// quotedIfNeeded is what quote_ident makes of a name of lower-case letters,
// digits and underscores that begins with a letter, which is what Roadbed gives.
// A reserved word gets quotes there and none here: no name of Roadbed's is one,
// for all of them hold an underscore.
func quotedIfNeeded(name string) string {
	for i, r := range name {
		if (r < 'a' || r > 'z') && r != '_' && (i == 0 || r < '0' || r > '9') {
			return quoted(name)
		}
	}
	return name
}

// sslModeOf is the sslmode of a URL, or what pgx takes where it names none.
func sslModeOf(config *pgconn.Config, url string) string {
	if _, rest, found := strings.Cut(url, "sslmode="); found {
		mode, _, _ := strings.Cut(rest, "&")
		return mode
	}
	if config.TLSConfig == nil {
		return "disable"
	}
	return "prefer"
}
