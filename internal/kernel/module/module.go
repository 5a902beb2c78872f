// Package module is the contract between a domain and the program that runs
// it: what a domain says of itself, what it is given, and in which order its
// life passes.
//
// Life cycle: the composition root calls New of each domain with its required
// dependencies, then Describe (pure, may be called at any time, also by the
// CLI without a cluster), then Setup once, before anything runs. Setup adds
// controllers, admission and routes to the Host and MUST NOT start
// goroutines, write to the cluster or read its cache: that begins when the
// Host's manager starts, and ends when its context does.
package module

import (
	"context"
	"log/slog"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// Stage says how much a domain's users may rely on it.
type Stage string

// The stages, in the order a domain passes them.
const (
	// Alpha may change or vanish without notice.
	Alpha Stage = "alpha"
	// Beta changes with one release's notice.
	Beta Stage = "beta"
	// GA keeps its promises for twelve months after a deprecation.
	GA Stage = "ga"
)

// Kind is a kind that a domain owns: it alone writes the kind's status.
type Kind struct {
	schema.GroupVersionKind
	// Plural is the lower-case resource name.
	Plural string
	// Summary is one sentence for people.
	Summary string
}

// Description is what a domain says of itself.
type Description struct {
	// Name is the domain's folder name, such as tenancy.
	Name string
	// Summary is one sentence for people.
	Summary string
	// Stage is how much users may rely on it.
	Stage Stage
	// Kinds are the kinds it owns.
	Kinds []Kind
	// Routes are the HTTP patterns it serves, as http.ServeMux has them.
	Routes []string
	// Controllers are the names under which its controllers report liveness.
	Controllers []string
}

// Module is a domain, as the program sees it.
type Module interface {
	// Describe says what the domain is. It MUST be pure.
	Describe() Description
	// Setup adds the domain to the host. It is called once, before anything runs.
	Setup(host *Host) error
}

// Host is what the program gives a domain during Setup. Every field is set.
type Host struct {
	// Manager runs controllers, caches and webhooks.
	Manager manager.Manager
	// Routes takes the domain's HTTP handlers.
	Routes *http.ServeMux
	// Trail records privileged actions.
	Trail trail.Recorder
	// Liveness hears from controllers and answers for /readyz.
	Liveness Liveness
	// Clock is the only clock a domain reads.
	Clock clock.WithTicker
	// Log is the domain's logger.
	Log *slog.Logger
}

// Liveness hears from controllers that they still reconcile. An implementation
// must be safe for concurrent use; Beat must not block.
type Liveness interface {
	// Expect announces a controller. It counts as stopped from the moment the
	// program is ready until its first beat.
	Expect(controller string)
	// Beat says that the controller finished some work just now.
	Beat(controller string)
	// Check returns an error that names every controller that has been silent
	// for longer than the limit.
	Check(ctx context.Context) error
}
