package app

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/sigstore/sigstore-go/pkg/root"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/adapter/services"
	"github.com/roadbed-dev/roadbed/internal/app/reports"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/lane"
	governance "github.com/roadbed-dev/roadbed/internal/domain/policy/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
)

var _ images.Registry = (*registry.Registry)(nil)

// decisions are the metrics of policy decisions, registered on first use: a
// metric's name belongs to the process, however many programs run in it.
var decisions = sync.OnceValues(func() (*webhook.Metrics, error) { return webhook.NewMetrics(metrics.Registry) })

// governed says what the policy domain is, without anything that needs opening.
func governed(opts Options) governance.Deps {
	return governance.Deps{Enforcement: opts.Enforcement, Audit: audit(opts)}
}

// judging opens what the policy domain judges with; nothing when it does not run.
func (p *program) judging(ctx context.Context, opts Options, hooks *hooks) (governance.Deps, error) {
	deps := governed(opts)
	if len(opts.Domains) > 0 && !slices.Contains(opts.Domains, "policy") {
		return deps, nil
	}
	if opts.Webhook != WebhookOff {
		deps.Reach = hooks
	}
	var err error
	if deps.Metrics, err = decisions(); err != nil {
		return deps, fmt.Errorf("register the metrics of policy decisions: %w", err)
	}
	if deps.Images, err = imagesOf(opts); err != nil {
		return deps, err
	}
	asked, err := services.New(opts.PolicyServices)
	if err != nil {
		return deps, err
	}
	if asked != nil {
		deps.HTTP = asked
	}
	db, err := p.database(ctx, opts)
	if err != nil {
		return deps, err
	}
	if p.history, err = reports.NewHistory(ctx, db.DB, db.Dialect, opts.Clock); err != nil {
		return deps, err
	}
	deps.History = p.history.Store
	return deps, nil
}

// imagesOf reads registries with the credentials that Docker's configuration
// file has, and trusts what the operator gave.
func imagesOf(opts Options) (policy.Images, error) {
	open, err := openRegistries(opts.Config)
	if err != nil {
		return nil, err
	}
	set := []images.Option{images.WithClock(opts.Clock), images.WithCredentials(open)}
	if opts.ImageTrustedRoot != "" {
		trusted, err := root.NewTrustedRootFromPath(opts.ImageTrustedRoot)
		if err != nil {
			return nil, fmt.Errorf("read the trusted root for images from %q: %w; it is a trusted_root.json of Sigstore", opts.ImageTrustedRoot, err)
		}
		set = append(set, images.WithTrust(trusted))
	}
	return images.New(registry.New(registry.WithKeychain(authn.DefaultKeychain)), set...), nil
}

var _ lane.Reach = (*hooks)(nil)

// At is how the API server reaches the webhooks; false before they have a
// certificate, and where there are none.
func (h *hooks) At() (webhook.At, bool) {
	if at := h.reached.Load(); at != nil {
		return webhook.At(*at), true
	}
	return nil, false
}

// OnChange has a function called whenever At changes. It is called before
// anything runs.
func (h *hooks) OnChange(listener func()) { h.listeners = append(h.listeners, listener) }

// reachedAt tells everybody where the webhooks are.
func (h *hooks) reachedAt(at reach) {
	complete := reach(func(path string) (found admissionv1.WebhookClientConfig) {
		found = at(path)
		if found.Service != nil && found.Service.Port == nil {
			found.Service.Port = new(int32(443)) // The API server's default, so that nothing differs from what is stored.
		}
		return found
	})
	h.reached.Store(&complete)
	for _, listener := range h.listeners {
		listener()
	}
}
