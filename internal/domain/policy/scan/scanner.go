package scan

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// Store keeps results. Implementations MUST be safe for concurrent use.
type Store interface {
	// Put replaces the results of subjects, all or none.
	Put(ctx context.Context, judgements ...history.Judgement) error
	// Delete forgets subjects.
	Delete(ctx context.Context, uids ...string) error
	// UIDs are those of all subjects.
	UIDs(ctx context.Context) ([]string, error)
	// Reports returns what is known of the subjects a query chooses.
	Reports(ctx context.Context, query history.Query) ([]history.Report, error)
}

// Cluster tells what a scan must know of the cluster besides objects.
type Cluster interface {
	// Served lists the resources that can be listed and watched.
	Served(ctx context.Context) ([]policy.Served, error)
	// Namespace returns a namespace, or nil when there is none. It is called for
	// every object and should answer from a cache.
	Namespace(ctx context.Context, name string) (map[string]any, error)
}

// Deps are what a Scanner needs. All are required.
type Deps struct {
	Client  dynamic.Interface
	Cluster Cluster
	Store   Store
	// World is what policies may look at. Now is set for each object.
	World policy.World
	Clock clock.WithTicker
	Log   *slog.Logger
}

// settle is how long the scanner waits for further changes of policies before
// it lists everything again.
const settle = time.Second

// retry is how long it waits after a failure of the cluster or the store.
const retry = 5 * time.Second

// Scanner scans. Its zero value is of no use; call New.
type Scanner struct {
	Deps

	changed chan struct{}

	mu      sync.RWMutex
	set     *policy.Set            // guarded by mu; nil until Use
	place   map[kind]policy.Served // guarded by mu; how to reach an object again
	synced  bool                   // guarded by mu
	version int                    // guarded by mu; counts calls of Use
}

// kind names a kind in a version.
type kind struct{ apiVersion, kind string }

// New returns a Scanner that does nothing until Use and Start.
func New(deps Deps) *Scanner {
	return &Scanner{Deps: deps, changed: make(chan struct{}, 1)}
}

// NeedLeaderElection is true: one process scans.
func (s *Scanner) NeedLeaderElection() bool { return true }

// Use puts other policies in force, by which everything will be judged.
func (s *Scanner) Use(set *policy.Set) {
	s.mu.Lock()
	s.set, s.synced = set, false
	s.version++
	s.mu.Unlock()
	s.poke()
}

// poke has Start begin another pass.
func (s *Scanner) poke() {
	select {
	case s.changed <- struct{}{}:
	default: // somebody has said so already
	}
}

// Amend puts the same policies with other overrides in force, and judges again
// what the queries choose. One object that cannot be judged, say of a kind that
// cannot be read, does not keep it from the others.
func (s *Scanner) Amend(ctx context.Context, set *policy.Set, about ...history.Query) error {
	s.mu.Lock()
	s.set = set
	s.mu.Unlock()
	var first error
	for _, query := range about {
		reports, err := s.Store.Reports(ctx, query)
		if err != nil {
			return err
		}
		for _, report := range reports {
			if err := s.again(ctx, report.Subject); err != nil && first == nil {
				first = fmt.Errorf("judge %s %s again: %w", report.Subject.Kind, report.Subject.Name, err)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return first
}

// Synced tells whether everything was judged by the policies in force.
func (s *Scanner) Synced() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.synced
}

// Start scans until the context ends.
func (s *Scanner) Start(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
		}
		s.pass(ctx)
	}
}

// pass scans by the policies in force until they change or the context ends.
func (s *Scanner) pass(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer cancel()
	if !s.wait(ctx, settle) {
		return
	}
	select { // what changed meanwhile is part of this pass
	case <-s.changed:
	default:
	}
	done := make(chan struct{})
	watchers.Go(func() { s.run(ctx, done) })
	select {
	case <-ctx.Done():
	case <-s.changed:
		s.poke() // Start begins the next pass
	case <-done:
	}
}

// run starts a watcher for each resource, and cleans up when all have listed.
func (s *Scanner) run(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	set, version := s.current()
	resources, err := s.resources(ctx, set)
	for err != nil {
		s.Log.Warn("policies cannot be scanned yet", "error", err)
		if !s.wait(ctx, retry) {
			return
		}
		resources, err = s.resources(ctx, set)
	}
	s.remember(resources)
	seen := newSeen()
	var listing, watching sync.WaitGroup
	listing.Add(len(resources))
	for _, resource := range resources {
		w := &watcher{scanner: s, resource: resource, selector: selector(set, resource), seen: seen, listed: sync.OnceFunc(listing.Done)}
		watching.Go(func() { w.run(ctx) })
	}
	listing.Wait()
	if ctx.Err() == nil {
		s.finish(ctx, seen, version)
	}
	watching.Wait()
}

func (s *Scanner) current() (*policy.Set, int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.set, s.version
}

func (s *Scanner) remember(resources []policy.Served) {
	place := map[kind]policy.Served{}
	for _, resource := range resources {
		place[kind{groupVersion(resource), resource.Kind}] = resource
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place = place
}

// resources are those that the policies may concern, once for each kind.
func (s *Scanner) resources(ctx context.Context, set *policy.Set) ([]policy.Served, error) {
	served, err := s.Cluster.Served(ctx)
	if err != nil {
		return nil, err
	}
	return once(policy.Covering(background(set), served, admissionv1.Create, admissionv1.Update)), nil
}

// background are the policies that scans evaluate.
func background(set *policy.Set) []policy.Evaluator {
	var found []policy.Evaluator
	for _, evaluator := range set.Evaluators() {
		if evaluator.Info().Background {
			found = append(found, evaluator)
		}
	}
	return found
}

// selector chooses the objects of a resource that the policies may concern.
// What the platform generates is most of a cluster's network policies, and the
// catalogue leaves it out.
func selector(set *policy.Set, resource policy.Served) string {
	return policy.Selector(background(set), resource, admissionv1.Create, admissionv1.Update)
}

// once leaves out a resource in further versions: its objects are the same.
func once(resources []policy.Served) []policy.Served {
	seen := map[schema.GroupResource]bool{}
	return slices.DeleteFunc(slices.Clone(resources), func(r policy.Served) bool {
		key := schema.GroupResource{Group: r.Group, Resource: r.Resource}
		again := seen[key]
		seen[key] = true
		return again
	})
}

// finish removes the results of what was not seen.
func (s *Scanner) finish(ctx context.Context, seen *seen, version int) {
	for ctx.Err() == nil {
		err := s.sweep(ctx, seen)
		if err == nil {
			break
		}
		s.Log.Warn("results of deleted objects stay for now", "error", err)
		s.wait(ctx, retry)
	}
	seen.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced = ctx.Err() == nil && s.version == version
}

func (s *Scanner) sweep(ctx context.Context, seen *seen) error {
	known, err := s.Store.UIDs(ctx)
	if err != nil {
		return err
	}
	return s.Store.Delete(ctx, seen.missing(known)...)
}

// wait returns false when the context ended before the time was over.
func (s *Scanner) wait(ctx context.Context, d time.Duration) bool {
	timer := s.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}

// seen collects UIDs until the sweep that it is for.
type seen struct {
	mu   sync.Mutex
	uids map[string]bool // guarded by mu; nil after end
}

func newSeen() *seen { return &seen{uids: map[string]bool{}} }

func (s *seen) add(uid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uids != nil {
		s.uids[uid] = true
	}
}

// end forgets everything: what is watched from now on is not to be swept.
func (s *seen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uids = nil
}

func (s *seen) missing(uids []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var missing []string
	for _, uid := range uids {
		if !s.uids[uid] {
			missing = append(missing, uid)
		}
	}
	return missing
}
