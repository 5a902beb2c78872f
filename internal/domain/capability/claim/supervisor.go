package claim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	approvals "github.com/roadbed-dev/roadbed/internal/domain/capability/approval/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/revision/keeper"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// The names of the controllers.
const (
	// SupervisorName is that of the controller that runs engines.
	SupervisorName = "capability-claims"
	// RolloutName is that of the controller that opens waves.
	RolloutName = "capability-rollout"
)

// Deps are what the claims' controllers are given by the program.
type Deps struct {
	// Factories make the provisioners of types other than Template.
	Factories map[v1alpha1.ProvisionerType]Factory
	// Changed is told of each change of a capability's claims; nil when nobody
	// wants to know. It MUST be quick and safe for concurrent use.
	Changed func(capability string)
}

// hostOf is what engines have in common.
type hostOf struct {
	capability string
	orders     *orders
	clock      clock.WithTicker
	trail      trail.Recorder
	log        *slog.Logger
}

// Supervisor runs an engine for each capability whose kind is served.
type Supervisor struct {
	mgr      manager.Manager
	host     hostOf
	rollouts *rollouts
	keeper   *keeper.Keeper
	changed  func(capability string)
	ended    chan event.GenericEvent // capabilities whose engine ended by itself

	mu      sync.Mutex
	root    context.Context     // guarded by mu; nil until the manager starts
	engines map[string]*running // guarded by mu
}

// running is an engine at work.
type running struct {
	*Engine
	external bool
	ctx      context.Context // it ends with the engine, or before
	cancel   context.CancelFunc
	ended    chan struct{}
}

// Setup adds the claims' controllers to the host.
func Setup(host *module.Host, deps Deps) (*Supervisor, error) {
	mgr := host.Manager
	if deps.Changed == nil {
		deps.Changed = func(string) {}
	}
	s := &Supervisor{
		mgr: mgr, changed: deps.Changed, engines: map[string]*running{}, ended: make(chan event.GenericEvent), keeper: keeper.New(mgr.GetClient(), mgr.GetAPIReader()),
		host: hostOf{
			orders: &orders{read: mgr.GetClient(), direct: mgr.GetAPIReader(), makers: NewMakers(deps.Factories)},
			clock:  host.Clock, trail: host.Trail, log: host.Log,
		},
	}
	s.rollouts = newRollouts(s, host)
	watches := builder.ControllerManagedBy(mgr).
		For(&v1alpha1.Capability{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&apiextensionsv1.CustomResourceDefinition{}, handler.EnqueueRequestsFromMapFunc(ofDefinition)).
		Watches(&v1alpha1.CapabilityRevision{}, s.revised()).
		Watches(&v1alpha1.ClaimApproval{}, handler.EnqueueRequestsFromMapFunc(s.approved)).
		Watches(&corev1.Namespace{}, s.moved()).
		WatchesRawSource(source.Channel(s.ended, handler.Funcs{GenericFunc: func(_ context.Context, e event.GenericEvent, q queue) {
			q.AddAfter(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)}, again)
		}})).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1})
	if err := errors.Join(steps.Bare(mgr, watches, SupervisorName, host.Clock, host.Liveness, s), s.rollouts.setup(mgr), approvals.Setup(host)); err != nil {
		return nil, err
	}
	return s, mgr.Add(s)
}

// ofDefinition is the capability that a kind was made for.
func ofDefinition(_ context.Context, object client.Object) []reconcile.Request {
	if name := object.GetLabels()[v1alpha1.LabelCapability]; name != "" {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: name}}}
	}
	return nil
}

// Start ends the engines when the manager ends.
func (s *Supervisor) Start(ctx context.Context) error {
	s.mu.Lock()
	s.root = ctx
	s.mu.Unlock()
	<-ctx.Done()
	s.stopAll()
	return nil
}

// again is when a capability is looked at whose kind is not served yet, or that
// came before the manager was ready.
const again = 250 * time.Millisecond

// Reconcile keeps a capability's revisions and its engine.
func (s *Supervisor) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	c := &v1alpha1.Capability{}
	err := s.mgr.GetClient().Get(ctx, request.NamespacedName, c)
	if apierrors.IsNotFound(err) || err == nil && c.DeletionTimestamp != nil && len(c.Finalizers) == 0 {
		return reconcile.Result{}, errors.Join(s.stop(request.Name), s.keeper.Withdraw(ctx, request.Name))
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if err := s.keeper.Make(ctx, c); err != nil {
		return reconcile.Result{}, err
	}
	kind, ok := kindOf(c)
	if !ok {
		return reconcile.Result{}, nil
	}
	served, err := s.served(ctx, c, kind)
	if err != nil {
		return reconcile.Result{}, err
	}
	if !served {
		return reconcile.Result{}, nil // The definition will wake us.
	}
	started, err := s.run(c, kind)
	if err != nil || !started {
		return reconcile.Result{RequeueAfter: again}, err
	}
	s.rollouts.lookAtAll(ctx, c.Name)
	if engine := s.engine(c.Name); engine != nil {
		err = engine.EnqueueAll(ctx, "")
	}
	return reconcile.Result{}, err
}

// served says whether the API server serves the kind.
func (s *Supervisor) served(ctx context.Context, c *v1alpha1.Capability, kind schema.GroupVersionKind) (bool, error) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	err := s.mgr.GetClient().Get(ctx, client.ObjectKey{Name: c.Spec.Names.Plural + "." + kind.Group}, crd)
	if err != nil {
		return false, client.IgnoreNotFound(err)
	}
	established := slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
	hasVersion := slices.ContainsFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == kind.Version && v.Served
	})
	return established && hasVersion && crd.DeletionTimestamp == nil, nil
}

// run has the capability's engine run, a new one if its kind has changed.
func (s *Supervisor) run(c *v1alpha1.Capability, kind schema.GroupVersionKind) (bool, error) {
	external := slices.ContainsFunc(c.Spec.Versions, func(v v1alpha1.CapabilityVersion) bool {
		return v.Provisioner.Type == v1alpha1.ProvisionerBuiltin || v.Provisioner.Type == v1alpha1.ProvisionerHTTP
	})
	s.mu.Lock()
	now, known := s.engines[c.Name]
	root := s.root
	s.mu.Unlock()
	if known && now.kind == kind && now.external == external && now.ctx.Err() == nil {
		return true, nil
	}
	if root == nil {
		return false, nil
	}
	if err := s.stop(c.Name); err != nil {
		return false, err
	}
	host := s.host
	host.capability = c.Name
	engine, err := newEngine(s.mgr, host, kind, external, func() {
		s.rollouts.poke(c.Name)
		s.changed(c.Name)
	})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(root)
	made := &running{Engine: engine, external: external, ctx: ctx, cancel: cancel, ended: make(chan struct{})}
	s.mu.Lock()
	s.engines[c.Name] = made
	s.mu.Unlock()
	go func() {
		defer func() { cancel(); close(made.ended) }()
		if err := engine.Start(ctx); err != nil && ctx.Err() == nil {
			s.host.log.ErrorContext(ctx, "the engine for claims ended, and another one is started", "capability", c.Name, "error", err)
			s.lost(ctx, c, made)
		}
	}()
	return true, nil
}

// lost forgets an engine that ended by itself, and has another one started.
func (s *Supervisor) lost(ctx context.Context, c *v1alpha1.Capability, which *running) {
	s.mu.Lock()
	if s.engines[c.Name] == which {
		delete(s.engines, c.Name)
	}
	s.mu.Unlock()
	select {
	case s.ended <- event.GenericEvent{Object: c}:
	case <-ctx.Done():
	}
}

// grace is how long an engine may take to end.
const grace = 10 * time.Second

// stop ends a capability's engine and waits until all of it has ended. One that
// does not end holds up its own capability and no other.
func (s *Supervisor) stop(capability string) error {
	s.mu.Lock()
	engine, known := s.engines[capability]
	s.mu.Unlock()
	if !known {
		return nil
	}
	engine.cancel()
	select {
	case <-engine.ended:
	case <-time.After(grace):
		return fmt.Errorf("the engine for claims of %q does not end", capability)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.engines, capability)
	return nil
}

func (s *Supervisor) stopAll() {
	for _, name := range s.Running() {
		_ = s.stop(name) // What does not end, ends with the process.
	}
}

// Running are the capabilities whose claims are worked on, sorted.
func (s *Supervisor) Running() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.engines))
	for name := range s.engines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// engine is the engine of a capability, nil when none runs.
func (s *Supervisor) engine(capability string) *Engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, known := s.engines[capability]; known {
		return found.Engine
	}
	return nil
}

// revised wakes claims whose version got a revision, or whose wave was opened.
func (s *Supervisor) revised() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(ctx context.Context, e event.UpdateEvent, _ queue) {
		before, is := e.ObjectOld.(*v1alpha1.CapabilityRevision)
		after, also := e.ObjectNew.(*v1alpha1.CapabilityRevision)
		if !is || !also || before.Status.OpenWaves == after.Status.OpenWaves {
			return
		}
		if engine := s.engine(after.Spec.Capability); engine != nil {
			if err := engine.EnqueueAll(ctx, ""); err != nil {
				s.host.log.WarnContext(ctx, "claims were not looked at after a change of a revision", "name", after.Name, "error", err)
			}
		}
	}}
}

// moved wakes the claims of a namespace whose tenant has changed, or its tier.
func (s *Supervisor) moved() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(ctx context.Context, e event.UpdateEvent, _ queue) {
		if tenantOf(e.ObjectOld) == tenantOf(e.ObjectNew) {
			return
		}
		for _, name := range s.Running() {
			if engine := s.engine(name); engine != nil {
				if err := engine.EnqueueAll(ctx, e.ObjectNew.GetName()); err != nil {
					s.host.log.WarnContext(ctx, "claims were not looked at after a change of their namespace", "namespace", e.ObjectNew.GetName(), "error", err)
				}
			}
		}
	}}
}

// approved wakes the claim that an approval speaks of, and asks for no capability.
func (s *Supervisor) approved(_ context.Context, object client.Object) []reconcile.Request {
	a, is := object.(*v1alpha1.ClaimApproval)
	if !is {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, each := range s.engines {
		if each.kind.Kind == a.Spec.ClaimRef.Kind {
			each.Enqueue(types.NamespacedName{Namespace: a.Namespace, Name: a.Spec.ClaimRef.Name})
		}
	}
	return nil
}
