package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/kernel/dialect"
)

const schema = `
CREATE TABLE IF NOT EXISTS api_uses (
	api TEXT NOT NULL,
	version TEXT NOT NULL,
	tenant TEXT NOT NULL,
	client TEXT NOT NULL,
	operation TEXT NOT NULL,
	uses BIGINT NOT NULL,
	first_used BIGINT NOT NULL,
	last_used BIGINT NOT NULL,
	PRIMARY KEY (api, version, tenant, client, operation)
);
CREATE INDEX IF NOT EXISTS api_uses_last ON api_uses (last_used);
`

// Store keeps uses in SQL. It is safe for concurrent use, also by several
// programs: each adds to what is there.
type Store struct {
	db      *sql.DB
	dialect dialect.Dialect
}

var _ Sink = (*Store)(nil)

// Open returns a store over a database and makes its table. Name is the
// dialect, sqlite or postgres. The caller closes the database.
func Open(ctx context.Context, db *sql.DB, name string) (*Store, error) {
	s := &Store{db: db, dialect: dialect.Dialect(name)}
	if err := s.dialect.Migrate(ctx, db, schema); err != nil {
		return nil, fmt.Errorf("make the table of uses of APIs: %w", err)
	}
	return s, nil
}

// Add adds uses, all or none. They are written in one order, so that several
// programs do not wait for each other in a circle.
func (s *Store) Add(ctx context.Context, uses []Use) error {
	uses = slices.SortedFunc(slices.Values(uses), func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.API, b.API), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Tenant, b.Tenant),
			cmp.Compare(a.Client, b.Client), cmp.Compare(a.Operation, b.Operation))
	})
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("keep uses of APIs: %w", err)
	}
	if err := s.add(ctx, tx, uses); err != nil {
		return fmt.Errorf("keep uses of APIs: %w", errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep uses of APIs: %w", err)
	}
	return nil
}

func (s *Store) add(ctx context.Context, tx *sql.Tx, uses []Use) error {
	statement, err := tx.PrepareContext(ctx, s.dialect.Words(`INSERT INTO api_uses (api, version, tenant, client, operation, uses, first_used, last_used)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (api, version, tenant, client, operation) DO UPDATE SET
			uses = api_uses.uses + excluded.uses,
			last_used = CASE WHEN excluded.last_used > api_uses.last_used THEN excluded.last_used ELSE api_uses.last_used END`))
	if err != nil {
		return err
	}
	for _, use := range uses {
		_, err := statement.ExecContext(ctx, use.API, use.Version, use.Tenant, use.Client, use.Operation,
			use.Count, use.First.UnixMilli(), use.Last.UnixMilli())
		if err != nil {
			return errors.Join(err, statement.Close())
		}
	}
	return statement.Close()
}

// Query chooses uses; what is empty does not choose.
type Query struct {
	API, Version, Tenant string
	// Since leaves out what was last used before.
	Since time.Time
}

// Uses returns the uses that a query chooses, by API, version, tenant, client
// and operation.
func (s *Store) Uses(ctx context.Context, q Query) ([]Use, error) {
	conditions := []string{"last_used >= ?"}
	const text = `SELECT api, version, tenant, client, operation, uses, first_used, last_used FROM api_uses WHERE `
	args := []any{int64(0)}
	if !q.Since.IsZero() {
		args[0] = q.Since.UnixMilli()
	}
	for _, condition := range []struct{ column, value string }{{"api", q.API}, {"version", q.Version}, {"tenant", q.Tenant}} {
		if condition.value != "" {
			conditions = append(conditions, condition.column+" = ?")
			args = append(args, condition.value)
		}
	}
	rows, err := s.db.QueryContext(ctx, s.dialect.Words(text+strings.Join(conditions, " AND ")+" ORDER BY api, version, tenant, client, operation"), args...)
	if err != nil {
		return nil, fmt.Errorf("read uses of APIs: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has what matters
	var found []Use
	for rows.Next() {
		var use Use
		var first, last int64
		if err := rows.Scan(&use.API, &use.Version, &use.Tenant, &use.Client, &use.Operation, &use.Count, &first, &last); err != nil {
			return nil, fmt.Errorf("read uses of APIs: %w", err)
		}
		use.First, use.Last = time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC()
		found = append(found, use)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read uses of APIs: %w", err)
	}
	return found, nil
}

// Prune forgets what was last used before a time.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	if _, err := s.db.ExecContext(ctx, s.dialect.Words(`DELETE FROM api_uses WHERE last_used < ?`), before.UnixMilli()); err != nil {
		return fmt.Errorf("forget old uses of APIs: %w", err)
	}
	return nil
}
