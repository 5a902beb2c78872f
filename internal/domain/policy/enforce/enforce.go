package enforce

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// Options change how policies are enforced.
type Options struct {
	// Enforcement says who enforces; the zero value means EnforceAuto.
	Enforcement Enforcement
	// EngineLane tells that a webhook of Roadbed's judges by the policies that
	// the API server cannot evaluate.
	EngineLane bool
	// Kinds are what the cluster serves; nil where nobody knows.
	Kinds Kinder
	// Platform are the platform's own native objects by the name of the policy.
	// They are restored where they are objects.
	Platform map[string]native.Objects
}

// The names of the controllers.
const (
	prefix          = "policy-"
	sweepController = prefix + "sweep"
)

// Controllers are the names under which the controllers report liveness.
func Controllers() []string {
	names := []string{sweepController}
	for _, each := range Kinds() {
		names = append(names, prefix+native.Source(each.Kind))
	}
	return names
}

// Kinds are the kinds of policies that are put in force here.
func Kinds() []module.Kind {
	return []module.Kind{
		described(validatingKind()), described(namespacedValidatingKind()),
		described(mutatingKind()), described(namespacedMutatingKind()),
		described(imageKind()), described(namespacedImageKind()),
		described(clusterPolicyKind()), described(policyKind()),
	}
}

func described[T steps.Object](k kind[T]) module.Kind {
	return module.Kind{GroupVersionKind: k.gvk(), Plural: k.plural, Summary: k.summary}
}

// Setup adds the controllers and the webhooks to the host.
func Setup(host *module.Host, opts Options) error {
	mgr := host.Manager
	direct, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient()})
	if err != nil {
		return fmt.Errorf("make a client without a cache: %w", err)
	}
	k := &keeper{client: mgr.GetClient(), direct: direct, trail: host.Trail, log: host.Log}
	sweep := &sweeper{keeper: k, sources: map[string]source{}, platform: opts.Platform}
	err = errors.Join(
		add(host, sweep, opts, validatingKind()), add(host, sweep, opts, namespacedValidatingKind()),
		add(host, sweep, opts, mutatingKind()), add(host, sweep, opts, namespacedMutatingKind()),
		add(host, sweep, opts, imageKind()), add(host, sweep, opts, namespacedImageKind()),
		add(host, sweep, opts, clusterPolicyKind()), add(host, sweep, opts, policyKind()),
	)
	if err != nil {
		return err
	}
	return steps.Bare(mgr, sweep.watches(builder.ControllerManagedBy(mgr)), sweepController, host.Clock, host.Liveness, sweep)
}

// add adds one kind: its controller, its webhook, and its place in the sweep. An
// older Kyverno may have brought a kind in other versions; policies of that kind
// are Kyverno's alone.
func add[T steps.Object](host *module.Host, sweep *sweeper, opts Options, k kind[T]) error {
	if _, err := host.Manager.GetRESTMapper().RESTMapping(k.gvk().GroupKind(), k.gvk().Version); meta.IsNoMatchError(err) {
		host.Log.Warn("a kind of policies is served in other versions only, and left out", "kind", k.name, "version", k.gvk().Version)
		return nil
	}
	name := prefix + native.Source(k.name)
	sweep.sources[native.Source(k.name)] = source{newObject: func() client.Object { return k.newObject() }, mutating: k.mutating}
	c := &controller[T]{kind: k, keeper: sweep.keeper, enforcement: opts.Enforcement, judges: opts.EngineLane, kinds: opts.Kinds}
	admit(host.Manager, k, opts.Kinds)
	return steps.New(host.Manager.GetClient(), k.newObject, steps.Options{
		Name: name, Concurrency: 2, Clock: host.Clock,
		Recorder: host.Manager.GetEventRecorder(name), Liveness: host.Liveness, Log: host.Log,
	}, c.steps()).Setup(host.Manager, c.watches)
}
