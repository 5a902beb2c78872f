package app

import (
	"cmp"
	"context"
	"path/filepath"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/reports"
)

// database is what keeps history, opened once however many domains keep theirs
// there. It is closed with the program, after those.
func (p *program) database(ctx context.Context, opts Options) (*gateways.Database, error) {
	if p.store != nil {
		return p.store, nil
	}
	where := cmp.Or(opts.Database, filepath.Join(filepath.Dir(opts.TrailPath), reports.HistoryFile))
	db, dialect, err := database.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	p.store = &gateways.Database{DB: db, Dialect: dialect}
	p.closers = append(p.closers, db.Close)
	return p.store, nil
}
