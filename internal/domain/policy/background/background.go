package background

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// Policies are the policies in force. Implementations MUST be safe for
// concurrent use.
type Policies interface {
	// Evaluators are all of them; the caller must not change the slice.
	Evaluators() []policy.Evaluator
	// OnChange has a function called, which returns at once, whenever they changed.
	OnChange(func())
	// Synced tells whether those that were there at the start are among them.
	Synced() bool
}

// Overrides are the overrides in force. Implementations MUST be safe for
// concurrent use.
type Overrides interface {
	policy.Waivers
	// OnChange has a function called, which returns at once, with what the ledger
	// said and what it says now.
	OnChange(func(before, after v1alpha1.OverrideLedgerSpec))
}

// Scanner judges what exists. Implementations MUST be safe for concurrent use.
type Scanner interface {
	// Use puts other policies in force and judges everything again.
	Use(set *policy.Set)
	// Amend judges again what the queries choose, all that it can before it
	// returns an error.
	Amend(ctx context.Context, set *policy.Set, about ...history.Query) error
}

// Resources tells what can be scanned.
type Resources interface {
	Served(ctx context.Context) ([]policy.Served, error)
}

// Deps are what a Feed needs. All are required.
type Deps struct {
	Policies  Policies
	Overrides Overrides
	Scanner   Scanner
	Resources Resources
	Clock     clock.WithTicker
	Log       *slog.Logger
}

// When a Feed looks by itself.
const (
	// soon is after a failure, and while the policies are still being read. What
	// an override changes is seen within five seconds.
	soon = time.Second
	// kindsEvery is how often it looks for kinds that came or went.
	kindsEvery = time.Minute
)

// Feed tells a Scanner what changed. One process does: the one that leads.
type Feed struct {
	Deps

	wake chan struct{}
	// pause is how long it waits after the next failure; only Start's goroutine
	// looks at it.
	pause time.Duration

	mu      sync.Mutex
	fresh   bool                   // guarded by mu; the policies changed
	queries map[history.Query]bool // guarded by mu; what overrides changed
}

var _ manager.LeaderElectionRunnable = (*Feed)(nil)

// New returns a Feed, which listens from now on.
func New(deps Deps) *Feed {
	f := &Feed{Deps: deps, wake: make(chan struct{}, 1), pause: soon, fresh: true, queries: map[history.Query]bool{}}
	deps.Policies.OnChange(func() { f.note(true) })
	deps.Overrides.OnChange(func(before, after v1alpha1.OverrideLedgerSpec) { f.note(false, changes(before, after)...) })
	return f
}

// NeedLeaderElection is true: one process scans.
func (f *Feed) NeedLeaderElection() bool { return true }

// Start tells the scanner until the context ends.
func (f *Feed) Start(ctx context.Context) error {
	kinds := f.Clock.NewTicker(kindsEvery)
	defer kinds.Stop()
	again := f.Clock.NewTimer(0)
	defer again.Stop()
	var known []policy.Served
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-kinds.C():
			known = f.look(ctx, known)
		case <-f.wake:
		case <-again.C():
		}
		if wait := f.tell(ctx); wait > 0 {
			again.Reset(wait)
		}
	}
}

// note remembers what changed until it was told.
func (f *Feed) note(policies bool, queries ...history.Query) {
	f.keep(policies, queries)
	select {
	case f.wake <- struct{}{}:
	default: // It wakes already.
	}
}

// keep is note for later.
func (f *Feed) keep(policies bool, queries []history.Query) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fresh = f.fresh || policies
	for _, query := range queries {
		f.queries[query] = true
	}
}

// look has everything scanned again when other kinds are served than before.
func (f *Feed) look(ctx context.Context, known []policy.Served) []policy.Served {
	served, err := f.Resources.Served(ctx)
	if err != nil {
		f.Log.WarnContext(ctx, "a scan cannot learn of new kinds", "error", err)
		return known
	}
	if known != nil && !slices.Equal(known, served) {
		f.note(true)
	}
	return served
}

// tell passes on what changed, and says after which time to tell what is left; 0
// when nothing is. What fails again and again is tried ever less often.
func (f *Feed) tell(ctx context.Context) time.Duration {
	if !f.Policies.Synced() {
		return soon
	}
	f.mu.Lock()
	fresh, queries := f.fresh, slices.Collect(maps.Keys(f.queries))
	f.fresh, f.queries = false, map[history.Query]bool{}
	f.mu.Unlock()
	set := policy.NewSet(f.Policies.Evaluators(), f.Overrides)
	if fresh {
		f.Scanner.Use(set)
		return 0 // Everything is judged again, by the overrides in force too.
	}
	if len(queries) == 0 {
		return 0
	}
	if err := f.Scanner.Amend(ctx, set, queries...); err != nil {
		f.Log.WarnContext(ctx, "a scan does not know of overrides yet", "error", err)
		f.keep(false, queries)
		wait := f.pause
		f.pause = min(2*wait, kindsEvery)
		return wait
	}
	f.pause = soon
	return 0
}

// changes choose the results that a change of the ledger may change: those that
// an override waived which changed or went, and those that are not content with
// what a new one may waive.
func changes(before, after v1alpha1.OverrideLedgerSpec) []history.Query {
	var queries []history.Query
	for name, waivers := range before.Policies {
		for _, waiver := range waivers {
			if !holds(after.Policies[name], waiver) {
				queries = append(queries, waivedBy(name, waiver))
			}
		}
	}
	for name, waivers := range after.Policies {
		if slices.ContainsFunc(waivers, func(w v1alpha1.Waiver) bool { return !holds(before.Policies[name], w) }) {
			for _, status := range []policy.Status{policy.Fail, policy.Error, policy.Warn} {
				queries = append(queries, history.Query{Policy: name, Status: status})
			}
		}
	}
	return queries
}

// waivedBy chooses the results that a waiver made a skip of. Waivers of controls
// may have taken a rule together, and its result names all of them.
func waivedBy(name string, waiver v1alpha1.Waiver) history.Query {
	if len(waiver.PodSecurity) > 0 {
		return history.Query{Policy: name, Status: policy.Skip}
	}
	return history.Query{Policy: name, Override: waiver.Override}
}

func holds(waivers v1alpha1.Waivers, wanted v1alpha1.Waiver) bool {
	return slices.ContainsFunc(waivers, func(w v1alpha1.Waiver) bool { return equality.Semantic.DeepEqual(w, wanted) })
}
