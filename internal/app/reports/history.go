package reports

import (
	"context"
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

// OpenHistory opens it in a database: a postgres:// URL or the path of a SQLite
// file. The caller closes it.
func OpenHistory(ctx context.Context, where string, clk clock.PassiveClock) (*History, error) {
	db, dialect, err := database.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	store, err := history.Open(ctx, db, dialect, clk)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the history of policy results in %s: %w", database.Redacted(where), err), db.Close())
	}
	return &History{Store: store, close: db.Close}, nil
}

// Close closes the database.
func (h *History) Close() error { return h.close() }
