package tenancy

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// GateIsolationModels is the feature gate that lets tenants name isolation
// models that do not exist yet. They are then told NotYetAvailable.
const GateIsolationModels = "IsolationModels"

// Deps are what the domain is given by the program.
type Deps struct {
	// Exporter keeps what offboarded tenants had. Required.
	Exporter Exporter
	// Settings are the platform's names; fields that are empty get their defaults.
	Settings Settings
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
	deps.Settings = deps.Settings.WithDefaults()
	if deps.FeatureGates[GateIsolationModels] {
		deps.Settings.Models = []v1alpha1.IsolationModel{v1alpha1.ModelVirtualCluster, v1alpha1.ModelDedicatedCluster}
	}
	return &Domain{deps: deps}
}

// WithDefaults fills in the names that are empty.
func (s Settings) WithDefaults() Settings {
	defaults := DefaultSettings()
	if s.DNSNamespace == "" {
		s.DNSNamespace = defaults.DNSNamespace
	}
	if s.IngressNamespace == "" {
		s.IngressNamespace = defaults.IngressNamespace
	}
	if s.ObservabilityNamespace == "" {
		s.ObservabilityNamespace = defaults.ObservabilityNamespace
	}
	return s
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
			kind(kindBusinessUnit, "businessunits", "A part of the organisation that onboards tenants inside its envelope."),
			kind(kindTier, "tiers", "A risk class: what it means for isolation, quotas, limits, network and storage."),
			kind(kindTenant, "tenants", "A team's place on the platform."),
		},
		Controllers: []string{tenantController, unitController, tierController, bindingsController},
	}
}

// Cached says which objects the manager's cache must hold for the domain: of
// the generated kinds only what Roadbed generated, so that the cache stays as
// small as the platform's own share of the cluster. Namespaces are all there:
// a name that somebody else took must be seen.
func Cached() map[client.Object]cache.ByObject {
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})}
	cached := map[client.Object]cache.ByObject{
		&rbacv1.ClusterRole{}:        ours,
		&rbacv1.ClusterRoleBinding{}: ours,
	}
	for _, each := range generatedObjects() {
		cached[each] = ours
	}
	return cached
}

// generatedObjects are new, empty objects of the kinds that are generated in
// namespaces, in the order of namespacedKinds.
func generatedObjects() []client.Object {
	return []client.Object{
		&corev1.ResourceQuota{}, &corev1.LimitRange{}, &corev1.ServiceAccount{},
		&networkingv1.NetworkPolicy{}, &rbacv1.RoleBinding{},
	}
}

func kindsOf(version schema.GroupVersion, names ...string) []schema.GroupVersionKind {
	kinds := make([]schema.GroupVersionKind, 0, len(names))
	for _, name := range names {
		kinds = append(kinds, version.WithKind(name))
	}
	return kinds
}

// Setup adds the controllers and the webhooks to the host.
func (d *Domain) Setup(host *module.Host) error {
	c := &cluster{
		client: host.Manager.GetClient(), live: host.Manager.GetAPIReader(),
		settings: d.deps.Settings, trail: host.Trail, clock: host.Clock, log: host.Log,
	}
	if err := index(host.Manager); err != nil {
		return err
	}
	left, objects, err := d.wide(host)
	if err != nil {
		return err
	}
	ledger := newLedger(c)
	offboards := &offboarding{
		cluster: c, ledger: ledger, remnants: left, objects: objects,
		exporter: d.deps.Exporter, exportSecrets: d.deps.ExportSecrets,
	}
	if err := run(host, tenantController, 16, newTenant, &tenants{cluster: c, ledger: ledger, remnants: left, offboards: offboards}); err != nil {
		return err
	}
	if err := run(host, unitController, 4, newUnit, &units{cluster: c, ledger: ledger}); err != nil {
		return err
	}
	if err := run(host, tierController, 1, newTier, &tiersController{cluster: c}); err != nil {
		return err
	}
	if err := (&bindings{cluster: c, remnants: left, liveness: host.Liveness}).setup(host.Manager); err != nil {
		return fmt.Errorf("set up controller %q: %w", bindingsController, err)
	}
	admit(host.Manager, &admission{cluster: c, ledger: ledger})
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

// wide makes the clients for kinds that the program does not know beforehand.
// They are used to export and to find what holds a namespace, and never
// through the cache.
func (d *Domain) wide(host *module.Host) (*remnants, dynamic.Interface, error) {
	config := rest.CopyConfig(host.Manager.GetConfig())
	config.WarningHandler = rest.NoWarnings{} // Old kinds are read because they are there.
	httpClient := host.Manager.GetHTTPClient()
	kinds, err := discovery.NewDiscoveryClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, nil, fmt.Errorf("make the discovery client: %w", err)
	}
	heads, err := metadata.NewForConfigAndClient(metadata.ConfigFor(config), httpClient)
	if err != nil {
		return nil, nil, fmt.Errorf("make the metadata client: %w", err)
	}
	objects, err := dynamic.NewForConfigAndClient(dynamic.ConfigFor(config), httpClient)
	if err != nil {
		return nil, nil, fmt.Errorf("make the dynamic client: %w", err)
	}
	return &remnants{discovery: kinds, metadata: heads, clock: host.Clock}, objects, nil
}

// index lets the cache answer by tenant, business unit, tier and claim.
func index(mgr manager.Manager) error {
	indexer := mgr.GetFieldIndexer()
	add := func(obj client.Object, field string, extract client.IndexerFunc) error {
		if err := indexer.IndexField(context.Background(), obj, field, extract); err != nil {
			return fmt.Errorf("index %T by %s: %w", obj, field, err)
		}
		return nil
	}
	for _, obj := range append(generatedObjects(), &corev1.Namespace{}) {
		if err := add(obj, tenantIndex, tenantOf); err != nil {
			return err
		}
	}
	for field, extract := range map[string]client.IndexerFunc{claimsIndex: claims, unitIndex: unitOf, tierIndex: tierOf} {
		if err := add(&v1alpha1.Tenant{}, field, extract); err != nil {
			return err
		}
	}
	return nil
}
