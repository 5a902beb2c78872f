package operator

import (
	"context"
	"fmt"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// Policies tells which policies there are. Implementations MUST be safe for
// concurrent use.
type Policies interface {
	// Infos are all policies, of every tier and lane. It is called often and
	// MUST NOT wait for anything.
	Infos() []policy.Info
	// OnChange has the function called, which returns at once, whenever Infos
	// would answer differently. It is called before anything runs.
	OnChange(func())
}

// Controllers are the names under which the controllers report liveness.
func Controllers() []string { return []string{OverrideController, LedgerController} }

// Kinds are the kinds that the controllers own.
func Kinds() []module.Kind {
	return []module.Kind{
		{GroupVersionKind: v1alpha1.GroupVersion.WithKind("PolicyOverride"), Plural: "policyoverrides", Summary: "A justified, approved and expiring waiver of policies for some objects of a tenant."},
		{GroupVersionKind: v1alpha1.GroupVersion.WithKind("OverrideLedger"), Plural: "overrideledgers", Summary: "The overrides in force, compiled for whoever judges by them."},
	}
}

// Option changes what Setup adds to the host.
type Option func(*options)

type options struct{ audit Audit }

// WithAudit puts each use of an override on the trail, as the audit log tells of
// it. Without it, or with nil, nobody but the audit log knows of uses that no scan
// finds: see Found.
func WithAudit(audit Audit) Option { return func(o *options) { o.audit = audit } }

// Setup adds the controllers to the host, and returns the overrides in force
// for whoever evaluates policies in this process.
func Setup(host *module.Host, policies Policies, opts ...Option) (*Live, error) {
	var set options
	for _, each := range opts {
		each(&set)
	}
	mgr := host.Manager
	r := &registry{
		client: mgr.GetClient(), policies: policies, trail: host.Trail, clock: host.Clock, log: host.Log,
	}
	ledgers := &ledger{registry: r, alarm: newAlarm(host.Clock)}
	if err := steps.Bare(mgr, ledgers.watches(builder.ControllerManagedBy(mgr)), LedgerController, host.Clock, host.Liveness, ledgers); err != nil {
		return nil, err
	}
	each := &overrides{registry: r, alarm: newAlarm(host.Clock), recorded: map[types.UID]string{}}
	runner := steps.New(mgr.GetClient(), newOverride, steps.Options{
		Name: OverrideController, Finalizer: override.Finalizer, Concurrency: 4, Clock: host.Clock,
		Recorder: mgr.GetEventRecorder(OverrideController), Liveness: host.Liveness, Log: host.Log,
	}, each.steps(), steps.Step[*v1alpha1.PolicyOverride]{Run: each.withdraw})
	if err := runner.Setup(mgr, each.watches); err != nil {
		return nil, err
	}
	if set.audit != nil {
		if err := mgr.Add(&uses{audit: set.audit, trail: host.Trail, clock: host.Clock, after: host.Clock.After, log: host.Log}); err != nil {
			return nil, err
		}
	}
	live := &Live{cache: mgr.GetCache(), log: host.Log}
	return live, mgr.Add(live)
}

// registry is what the controllers look at and write with.
type registry struct {
	client   client.Client
	policies Policies
	trail    trail.Recorder
	clock    clock.WithTicker
	log      *slog.Logger
}

// world is what decisions on overrides look at.
func (r *registry) world(ctx context.Context) (override.World, error) {
	var tiers tenancyv1alpha1.TierList
	if err := r.client.List(ctx, &tiers, client.UnsafeDisableDeepCopy); err != nil {
		return override.World{}, fmt.Errorf("list tiers: %w", err)
	}
	var namespaces corev1.NamespaceList
	if err := r.client.List(ctx, &namespaces, client.UnsafeDisableDeepCopy); err != nil {
		return override.World{}, fmt.Errorf("list namespaces: %w", err)
	}
	w := override.World{
		Policies: map[string]policy.Info{}, Places: map[string]override.Place{},
		Terms: override.TermsOf(tiers.Items), Now: r.clock.Now(),
	}
	for _, info := range r.policies.Infos() {
		w.Policies[info.Name] = info
	}
	for i := range namespaces.Items {
		w.Places[namespaces.Items[i].Name] = override.PlaceOf(namespaces.Items[i].Labels)
	}
	return w, nil
}
