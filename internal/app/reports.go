package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app/reports"
	"github.com/roadbed-dev/roadbed/internal/app/serving"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
)

// serveReports adds what serves the history of policy results.
func (p *program) serveReports(routes *http.ServeMux, opts Options, direct kubernetes.Interface) error {
	if p.history == nil {
		return nil
	}
	reportapi.HTTP{Client: direct, Store: p.history}.Register(routes)
	if err := p.manager.Add(&reports.Keeper{History: p.history, Clock: opts.Clock, Log: opts.Log.With("domain", "policy")}); err != nil {
		return err
	}
	writer, err := client.New(opts.Config, client.Options{Scheme: p.manager.GetScheme()})
	if err != nil {
		return fmt.Errorf("make the client of reports: %w", err)
	}
	return p.manager.Add(&reports.Loopback{
		On: opts.ReportsAPI, Client: writer, Direct: direct, Store: p.history,
		Issue: func(host string) ([]byte, tls.Certificate, error) {
			made, err := serving.Issue(opts.Clock.Now(), serving.Unkept, host)
			if err != nil {
				return nil, tls.Certificate{}, err
			}
			pair, err := made.Pair()
			return made.Authority, pair, err
		},
		Clock: opts.Clock, Log: opts.Log.With("domain", "policy"),
	})
}

var _ reportapi.Store = (*reports.History)(nil)

// ReportOptions say how ServeReports serves reports in a cluster. All are required.
type ReportOptions struct {
	// Config reaches the API server.
	Config *rest.Config
	// Database keeps history: a postgres:// URL.
	Database string
	// Addr and HealthAddr are what it listens on.
	Addr, HealthAddr string
	// Log and Clock are the program's.
	Log   *slog.Logger
	Clock clock.WithTicker
}

// ServeReports serves policy reports behind the Service roadbed-reports until
// the context ends, beside copies of itself.
func ServeReports(ctx context.Context, opts ReportOptions) (err error) {
	config := tuned(opts.Config)
	scheme, err := Scheme()
	if err != nil {
		return err
	}
	writer, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	direct, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	store, err := reports.OpenHistory(ctx, opts.Database, opts.Clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return (&reports.Cluster{
		Client: writer, Direct: direct, Store: store,
		Certificate: func(ctx context.Context) ([]byte, tls.Certificate, error) {
			shared, err := serving.Shared(ctx, direct, opts.Clock.Now(), reports.Secret, reportapi.Host)
			if err != nil {
				return nil, tls.Certificate{}, err
			}
			pair, err := shared.Pair()
			return shared.Authority, pair, err
		},
		Address: opts.Addr, HealthAddress: opts.HealthAddr, Clock: opts.Clock, Log: opts.Log,
	}).Run(ctx)
}
