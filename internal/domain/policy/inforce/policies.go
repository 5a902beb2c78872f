package inforce

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Kind is a kind of policies to follow.
type Kind struct {
	// Name of the kind, such as ValidatingPolicy.
	Name string
	// New makes an empty object of the kind.
	New func() client.Object
	// Compile compiles an object of the kind.
	Compile func(client.Object) (policy.Evaluator, error)
}

// Policies is the policies in force. It is safe for concurrent use.
type Policies struct {
	cache cache.Cache
	kinds []Kind
	log   *slog.Logger

	mu         sync.RWMutex
	evaluators map[string]policy.Evaluator // guarded by mu; by kind, namespace and name
	order      []policy.Evaluator          // guarded by mu; a snapshot that nobody changes
	listeners  []func()                    // guarded by mu
	following  []func() bool               // guarded by mu; tell whether all that was there has been taken
	followed   bool                        // guarded by mu; all kinds are in following
}

var _ manager.LeaderElectionRunnable = (*Policies)(nil)

// New returns a set that holds the platform's own policies, and once it runs
// those of the cluster.
func New(c cache.Cache, log *slog.Logger, platform []policy.Evaluator, kinds ...Kind) *Policies {
	p := &Policies{cache: c, kinds: kinds, log: log, evaluators: map[string]policy.Evaluator{}}
	for _, evaluator := range platform {
		p.evaluators["/"+evaluator.Info().Name] = evaluator
	}
	p.order = p.sorted()
	return p
}

// Evaluators are the policies in force, in an order that is the same for the
// same policies. The caller must not change the slice.
func (p *Policies) Evaluators() []policy.Evaluator {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.order
}

// Infos describe the policies in force.
func (p *Policies) Infos() []policy.Info {
	evaluators := p.Evaluators()
	infos := make([]policy.Info, len(evaluators))
	for i, evaluator := range evaluators {
		infos[i] = evaluator.Info()
	}
	return infos
}

// OnChange has a function called whenever the policies changed. It must return
// at once.
func (p *Policies) OnChange(listener func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners = append(p.listeners, listener)
}

// NeedLeaderElection says no: every replica judges.
func (p *Policies) NeedLeaderElection() bool { return false }

// Start follows the policies until the context ends.
func (p *Policies) Start(ctx context.Context) error {
	for _, kind := range p.kinds {
		if err := p.follow(ctx, kind); err != nil {
			return fmt.Errorf("follow every %s: %w", kind.Name, err)
		}
	}
	p.mu.Lock()
	p.followed = true
	p.mu.Unlock()
	<-ctx.Done()
	return nil
}

// Synced tells whether the policies that were there at the start are in force.
func (p *Policies) Synced() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.followed && !slices.ContainsFunc(p.following, func(synced func() bool) bool { return !synced() })
}

// follow hears of every change of a kind. A kind that the cluster does not have
// has no policies.
func (p *Policies) follow(ctx context.Context, kind Kind) error {
	informer, err := p.cache.GetInformer(ctx, kind.New())
	if meta.IsNoMatchError(err) {
		p.log.WarnContext(ctx, "the cluster does not have a kind of policies", "kind", kind.Name)
		return nil
	}
	if err != nil {
		return err
	}
	handle, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { p.take(ctx, kind, object) },
		UpdateFunc: func(before, after any) { p.retake(ctx, kind, before, after) },
		DeleteFunc: func(object any) { p.drop(kind, object) },
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.following = append(p.following, handle.HasSynced)
	return nil
}

// retake leaves out what changed nothing but the status.
func (p *Policies) retake(ctx context.Context, kind Kind, before, after any) {
	old, ok := before.(client.Object)
	current, also := after.(client.Object)
	if ok && also && old.GetGeneration() == current.GetGeneration() &&
		maps.Equal(old.GetLabels(), current.GetLabels()) && maps.Equal(old.GetAnnotations(), current.GetAnnotations()) {
		return
	}
	p.take(ctx, kind, after)
}

// take compiles a policy and puts it in force.
func (p *Policies) take(ctx context.Context, kind Kind, object any) {
	source, ok := object.(client.Object)
	if !ok {
		return
	}
	evaluator, err := kind.Compile(source)
	if err != nil {
		p.log.WarnContext(ctx, "a policy does not compile", "kind", kind.Name, "namespace", source.GetNamespace(), "name", source.GetName(), "error", err)
		return
	}
	p.change(func() { p.evaluators[key(kind, source)] = evaluator })
}

func (p *Policies) drop(kind Kind, object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	if source, ok := object.(client.Object); ok {
		p.change(func() { delete(p.evaluators, key(kind, source)) })
	}
}

// change changes the set and tells everybody.
func (p *Policies) change(how func()) {
	p.mu.Lock()
	how()
	p.order = p.sorted()
	listeners := slices.Clone(p.listeners)
	p.mu.Unlock()
	for _, listener := range listeners {
		listener()
	}
}

func (p *Policies) sorted() []policy.Evaluator {
	order := make([]policy.Evaluator, 0, len(p.evaluators))
	for _, name := range slices.Sorted(maps.Keys(p.evaluators)) {
		order = append(order, p.evaluators[name])
	}
	return order
}

func key(kind Kind, object client.Object) string {
	return kind.Name + "/" + object.GetNamespace() + "/" + object.GetName()
}
