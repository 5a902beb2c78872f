// Package health answers operators and kubelets: whether the program is ready, how
// its domains are, and whatever else is served on ports of its own.
package health

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// Readiness answers for the program: it is ready once its caches are filled
// and for as long as every controller reconciles.
type Readiness struct {
	// Liveness hears from the controllers.
	Liveness module.Liveness
	// Synced says that the caches are filled.
	Synced atomic.Bool
	// Serves tells whether a gateway serves; nil for a program that waits for none.
	Serves func() bool
}

// check says why the program is not ready, or nil.
func (r *Readiness) check(ctx context.Context) error {
	if !r.Synced.Load() {
		return errors.New("the caches are not filled yet")
	}
	if r.Serves != nil && !r.Serves() {
		return errors.New("the gateway's objects are not read yet")
	}
	return r.Liveness.Check(ctx)
}

// ServeHTTP answers 200 or 503 with the reason, one line each.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := r.check(req.Context()); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(err.Error() + "\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// Routes adds what an operator and a kubelet ask to the domains' routes.
func Routes(mux *http.ServeMux, ready *Readiness, modules []module.Module) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /readyz", ready)
	mux.HandleFunc("GET /domains", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(domainList(req.Context(), modules, ready))
	})
}

// Domain is what /domains says of one domain.
type Domain struct {
	Name        string   `json:"name"`
	Summary     string   `json:"summary"`
	Stage       string   `json:"stage"`
	Kinds       []string `json:"kinds"`
	Routes      []string `json:"routes"`
	Controllers []string `json:"controllers"`
	// Health is "ok" or what is wrong.
	Health string `json:"health"`
}

func domainList(ctx context.Context, modules []module.Module, ready *Readiness) []Domain {
	health := "ok"
	if err := ready.check(ctx); err != nil {
		health = err.Error()
	}
	domains := make([]Domain, 0, len(modules))
	for _, m := range modules {
		domain := DescribeDomain(m.Describe())
		domain.Health = health
		domains = append(domains, domain)
	}
	return domains
}

// DescribeDomain puts a description into the form that /domains has, with no
// word on health.
func DescribeDomain(d module.Description) Domain {
	kinds := make([]string, 0, len(d.Kinds))
	for _, kind := range d.Kinds {
		kinds = append(kinds, kind.Plural+"."+kind.Group)
	}
	return Domain{
		Name: d.Name, Summary: d.Summary, Stage: string(d.Stage),
		Kinds: kinds, Routes: d.Routes, Controllers: d.Controllers,
	}
}

// Announce calls ready once, when the program is ready. It returns when it has
// or when the context ends.
func Announce(ctx context.Context, state *Readiness, ready func()) {
	const pause = 50 * time.Millisecond
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		if state.check(ctx) == nil {
			ready()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
