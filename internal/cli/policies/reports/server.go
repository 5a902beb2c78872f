package reports

import (
	"context"
	"net/url"
	"time"

	"github.com/roadbed-dev/roadbed/internal/cli/running"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
)

// fromServer reads reports from the server.
func (p *program) fromServer(ctx context.Context, f *flags) ([]found, error) {
	var list reportapi.List[found]
	err := p.ask(ctx, f, reportapi.PathReports, &list)
	return list.Items, err
}

// ask gets JSON from the server.
func (p *program) ask(ctx context.Context, f *flags, path string, into any) error {
	return running.Ask(ctx, p.Program, running.Question{
		Server: f.server, Path: path, Query: f.query(p.Clock.Now()), Audience: reportapi.Audience,
	}, into)
}

// query is what the flags choose, as the server takes it.
func (f *flags) query(now time.Time) url.Values {
	values := url.Values{}
	for key, value := range map[string]string{"namespace": f.namespace, "tenant": f.tenant, "policy": f.policy, "status": f.status} {
		if value != "" {
			values.Set(key, value)
		}
	}
	if f.history {
		values.Set("since", now.Add(-f.since).UTC().Format(time.RFC3339))
	}
	return values
}
