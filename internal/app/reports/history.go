package reports

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// HistoryFile is the name of the SQLite file in a data folder.
const HistoryFile = "history.db"

// History is the history of policy results with what it is kept in.
type History struct {
	*history.Store
	close func() error
}

// NewHistory keeps it in a database that is open, and that its owner closes.
func NewHistory(ctx context.Context, db *sql.DB, dialect string, clk clock.PassiveClock) (*History, error) {
	store, err := history.Open(ctx, db, dialect, clk)
	if err != nil {
		return nil, fmt.Errorf("open the history of policy results: %w", err)
	}
	return &History{Store: store, close: func() error { return nil }}, nil
}

// OpenHistory opens it in a database: a postgres:// URL or the path of a SQLite
// file. The caller closes it.
func OpenHistory(ctx context.Context, where string, clk clock.PassiveClock) (*History, error) {
	db, dialect, err := database.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	opened, err := NewHistory(ctx, db, dialect, clk)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("in %s: %w", database.Redacted(where), err), db.Close())
	}
	opened.close = db.Close
	return opened, nil
}

// Close closes the database.
func (h *History) Close() error { return h.close() }
