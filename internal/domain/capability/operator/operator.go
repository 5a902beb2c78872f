package operator

import (
	"context"
	"log/slog"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/conversion"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/deed"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// The names of the controllers.
const (
	capabilityController = "capability-capability"
	flagController       = "capability-featureflag"
)

// Reach says where the API server reaches a path of Roadbed's webhook server,
// or nil when it cannot. It MUST be safe for concurrent use.
type Reach func(path string) *apiextensionsv1.WebhookClientConfig

// Available is nil when the provisioner of that name can work, else an error that
// says why not and what to do. It MUST be cheap and safe for concurrent use, and
// its error the same as long as the cause is.
type Available func(ctx context.Context, builtin string) error

// Deps are what the domain is given by the program.
type Deps struct {
	// Settings are the platform's names; fields that are empty get their defaults.
	Settings capability.Settings
	// Usage tells who used an API; nil where there is no gateway, so that nobody
	// can have.
	Usage capability.Usage
	// Builtins are the names of Roadbed's own provisioners; nil where nobody knows
	// them, so that every name is taken.
	Builtins []string
	// Available says whether Roadbed's own provisioners can work; nil where nobody
	// knows, so that all can.
	Available Available
	// Reach says where the API server asks for conversions; nil when it cannot.
	Reach Reach
}

// Domain is capabilities as the program runs them.
type Domain struct {
	deps  Deps
	waker *waker // nil until Setup
	// provided wakes those that Roadbed's own provisioners provide for; nil until Setup.
	provided func(ctx context.Context)
}

var _ module.Module = (*Domain)(nil)

// New returns the domain.
func New(deps Deps) *Domain {
	deps.Settings = deps.Settings.WithDefaults()
	if deps.Usage == nil {
		deps.Usage = capability.Nobody{}
	}
	if deps.Reach == nil {
		deps.Reach = func(string) *apiextensionsv1.WebhookClientConfig { return nil }
	}
	if deps.Available == nil {
		deps.Available = func(context.Context, string) error { return nil }
	}
	return &Domain{deps: deps}
}

// Describe says what the domain is.
func (d *Domain) Describe() module.Description {
	kind := func(name, plural, summary string) module.Kind {
		return module.Kind{GroupVersionKind: v1alpha1.GroupVersion.WithKind(name), Plural: plural, Summary: summary}
	}
	return module.Description{
		Name:    "capability",
		Summary: "What teams of the platform provide, as versioned APIs that tenants claim.",
		Stage:   module.Alpha,
		Kinds: []module.Kind{
			kind("Capability", "capabilities", "Something that a team provides, published as a versioned API."),
			kind("FeatureFlag", "featureflags", "What opens alpha versions to tenants."),
		},
		Controllers: []string{capabilityController, flagController},
	}
}

// Setup adds the controllers, the admission and the conversion to the host.
func (d *Domain) Setup(host *module.Host) error {
	mgr := host.Manager
	r := &registry{Deps: d.deps, client: mgr.GetClient(), live: mgr.GetAPIReader(), clock: host.Clock, log: host.Log}
	var err error
	if d.waker, err = newWaker(mgr, d.deps.Settings.Namespace); err != nil {
		return err
	}
	made := &capabilities{registry: r, waker: d.waker, deeds: deed.NewBook(host.Trail)}
	d.provided = made.availableAgain
	if err := run(host, capabilityController, newCapability, made); err != nil {
		return err
	}
	if err := run(host, flagController, newFlag, &flags{registry: r}); err != nil {
		return err
	}
	admit(mgr, r)
	mgr.GetWebhookServer().Register(capability.ConversionPath, conversion.Handler(&converters{reader: mgr.GetClient()}))
	return nil
}

// ClaimsChanged has the claims of a capability counted again soon, once for many
// calls. It MUST NOT be called before Setup has returned.
func (d *Domain) ClaimsChanged(capability string) { d.waker.soon(capability) }

// ProvisionersChanged has all Capabilities looked at that Roadbed's own
// provisioners provide for, because Deps.Available says something new of one. It
// MUST NOT be called before Setup has returned.
func (d *Domain) ProvisionersChanged(ctx context.Context) { d.provided(ctx) }

func newCapability() *v1alpha1.Capability { return &v1alpha1.Capability{} }
func newFlag() *v1alpha1.FeatureFlag      { return &v1alpha1.FeatureFlag{} }

// registry is what controllers and admission look at and write with.
type registry struct {
	Deps
	client client.Client
	live   client.Reader
	clock  clock.WithTicker
	log    *slog.Logger
}

// controller is what the domain's controllers have in common.
type controller[T steps.Object] interface {
	steps() []steps.Step[T]
	leave(ctx context.Context, obj T) steps.Result
	watches(b *builder.Builder) *builder.Builder
}

// run adds a controller to the host.
func run[T steps.Object](host *module.Host, name string, newObject func() T, c controller[T]) error {
	runner := steps.New(host.Manager.GetClient(), newObject, steps.Options{
		Name: name, Finalizer: v1alpha1.Finalizer, Concurrency: 2, Clock: host.Clock,
		Recorder: host.Manager.GetEventRecorder(name), Liveness: host.Liveness, Log: host.Log,
	}, c.steps(), steps.Step[T]{Run: c.leave})
	return runner.Setup(host.Manager, c.watches)
}
