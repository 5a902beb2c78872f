package app

import (
	"crypto/tls"
	"fmt"
	"net/http"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app/reports"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
)

// serveReports adds what serves the history of policy results.
func (p *program) serveReports(routes *http.ServeMux, opts Options, direct kubernetes.Interface) error {
	if p.history == nil {
		return nil
	}
	reportapi.HTTP{Client: direct, Store: p.history}.Register(routes)
	writer, err := client.New(opts.Config, client.Options{Scheme: p.manager.GetScheme()})
	if err != nil {
		return fmt.Errorf("make the client of reports: %w", err)
	}
	return p.manager.Add(&reports.Loopback{
		On: opts.ReportsAPI, Client: writer, Direct: direct, Store: p.history,
		Issue: func(host string) ([]byte, tls.Certificate, error) {
			made, err := issue(opts.Clock.Now(), unkeptFor, host)
			if err != nil {
				return nil, tls.Certificate{}, err
			}
			pair, err := made.pair()
			return made.authority, pair, err
		},
		Clock: opts.Clock, Log: opts.Log.With("domain", "policy"),
	})
}

var _ reportapi.Store = (*reports.History)(nil)
