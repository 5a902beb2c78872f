package operator

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/builder"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/offboard"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// GateIsolationModels is the feature gate that lets tenants name isolation
// models that do not exist yet. They are then told NotYetAvailable.
const GateIsolationModels = "IsolationModels"

// Deps are what the domain is given by the program.
type Deps struct {
	// Exporter keeps what offboarded tenants had. Required.
	Exporter offboard.Exporter
	// Settings are the platform's names; fields that are empty get their defaults.
	Settings tenancy.Settings
	// FeatureGates switches GateIsolationModels.
	FeatureGates map[string]bool
	// ExportSecrets exports the values of Secrets too.
	ExportSecrets bool
}

// Domain is tenancy as the program runs it.
type Domain struct {
	deps Deps
}

var _ module.Module = (*Domain)(nil)

// New returns the domain.
func New(deps Deps) *Domain {
	deps.Settings = Gated(deps.Settings, deps.FeatureGates)
	return &Domain{deps: deps}
}

// Gated are the settings with their defaults and with what feature gates open.
func Gated(settings tenancy.Settings, gates map[string]bool) tenancy.Settings {
	settings = settings.WithDefaults()
	if gates[GateIsolationModels] {
		settings.Models = []v1alpha1.IsolationModel{v1alpha1.ModelVirtualCluster, v1alpha1.ModelDedicatedCluster}
	}
	return settings
}

// The names of the controllers.
const (
	tenantController = "tenancy-tenant"
	unitController   = "tenancy-businessunit"
	tierController   = "tenancy-tier"
)

// Describe says what the domain is.
func (d *Domain) Describe() module.Description {
	kind := func(name, plural, summary string) module.Kind {
		return module.Kind{GroupVersionKind: v1alpha1.GroupVersion.WithKind(name), Plural: plural, Summary: summary}
	}
	return module.Description{
		Name:    "tenancy",
		Summary: "Isolated places for teams: identity, network, compute and storage, inside the envelope of a business unit.",
		Stage:   module.Alpha,
		Kinds: []module.Kind{
			kind(estate.KindBusinessUnit, "businessunits", "A part of the organisation that onboards tenants inside its envelope."),
			kind(estate.KindTier, "tiers", "A risk class: what it means for isolation, quotas, limits, network and storage."),
			kind(estate.KindTenant, "tenants", "A team's place on the platform."),
		},
		Controllers: []string{tenantController, unitController, tierController, offboard.BindingsController},
	}
}

// Setup adds the controllers and the webhooks to the host.
func (d *Domain) Setup(host *module.Host) error {
	mgr := host.Manager
	e := &estate.Estate{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(),
		Settings: d.deps.Settings, Trail: host.Trail, Clock: host.Clock, Log: host.Log,
	}
	if err := estate.Index(mgr.GetFieldIndexer()); err != nil {
		return err
	}
	left, err := offboard.NewRemnants(mgr, host.Clock)
	if err != nil {
		return err
	}
	ledger := estate.NewLedger(e)
	leaving, err := offboard.New(e, ledger, left, mgr, d.deps.Exporter, offboard.WithSecrets(d.deps.ExportSecrets))
	if err != nil {
		return err
	}
	if err := run(host, tenantController, 16, newTenant, &tenants{Estate: e, ledger: ledger, remnants: left, leaving: leaving}); err != nil {
		return err
	}
	if err := run(host, unitController, 4, newUnit, &units{Estate: e, ledger: ledger}); err != nil {
		return err
	}
	if err := run(host, tierController, 1, newTier, &tiers{Estate: e}); err != nil {
		return err
	}
	if err := offboard.NewBindings(e, left, host.Liveness).Setup(mgr); err != nil {
		return err
	}
	admit(mgr, &admission{Estate: e, ledger: ledger})
	return nil
}

func newTenant() *v1alpha1.Tenant     { return &v1alpha1.Tenant{} }
func newUnit() *v1alpha1.BusinessUnit { return &v1alpha1.BusinessUnit{} }
func newTier() *v1alpha1.Tier         { return &v1alpha1.Tier{} }

// controller is what the domain's controllers have in common.
type controller[T steps.Object] interface {
	steps() []steps.Step[T]
	leave(ctx context.Context, obj T) steps.Result
	watches(b *builder.Builder) *builder.Builder
}

// run adds a controller to the host.
func run[T steps.Object](host *module.Host, name string, workers int, newObject func() T, c controller[T]) error {
	runner := steps.New(host.Manager.GetClient(), newObject, steps.Options{
		Name: name, Finalizer: v1alpha1.Finalizer, Concurrency: workers, Clock: host.Clock,
		Recorder: host.Manager.GetEventRecorder(name), Liveness: host.Liveness, Log: host.Log,
	}, c.steps(), steps.Step[T]{Run: c.leave})
	return runner.Setup(host.Manager, c.watches)
}

// kindsOf are the kinds of one group and version.
func kindsOf(version schema.GroupVersion, names ...string) []schema.GroupVersionKind {
	kinds := make([]schema.GroupVersionKind, 0, len(names))
	for _, name := range names {
		kinds = append(kinds, version.WithKind(name))
	}
	return kinds
}
