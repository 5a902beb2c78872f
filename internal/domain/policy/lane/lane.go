package lane

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
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

// Reach tells how the API server reaches the webhooks. Implementations MUST be
// safe for concurrent use.
type Reach interface {
	// At returns where; false while the API server cannot reach them.
	At() (webhook.At, bool)
	// OnChange has a function called, which returns at once, whenever At would
	// answer differently. It is called before anything runs.
	OnChange(func())
}

// Resources tells what the cluster serves. Implementations MUST be safe for
// concurrent use.
type Resources interface {
	// Served lists resources with their subresources.
	Served(ctx context.Context) ([]policy.Served, error)
	// Forget has them read anew.
	Forget()
}

// Deps are what the lane is made of. All are required.
type Deps struct {
	Policies    Policies
	Waivers     policy.Waivers
	Reach       Reach
	Enforcement enforce.Enforcement
	Resources   Resources
	Cluster     webhook.Cluster
	World       policy.World
	Metrics     *webhook.Metrics
	// Watched holds the webhook configurations and the definitions of kinds, as
	// Watched has them.
	Watched cache.Cache
}

// Setup adds the webhooks and the controller of their configurations to the host.
func Setup(host *module.Host, deps Deps) error {
	sets := &webhook.Policies{}
	var mu sync.Mutex // The set that is put in force last must be the newest.
	use := func() {
		mu.Lock()
		defer mu.Unlock()
		sets.Use(deps.Policies.Evaluators(), deps.Waivers)
	}
	use()
	deps.Policies.OnChange(use)
	serving := webhook.Deps{Policies: sets, Cluster: deps.Cluster, World: deps.World, Clock: host.Clock, Metrics: deps.Metrics}
	hooks := host.Manager.GetWebhookServer()
	for _, class := range webhook.Classes() {
		hooks.Register(webhook.ValidatePath(class), deps.ready(webhook.Validator(class, serving)))
		hooks.Register(webhook.MutatePath(class), deps.ready(webhook.Mutator(class, serving)))
	}
	return setupKeeper(host, deps)
}

// ready gives no answer before the policies are known, so that the API server
// does what the failure policy says.
func (d Deps) ready(handler admission.Handler) http.Handler {
	answers := &admission.Webhook{Handler: handler}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.Policies.Synced() {
			http.Error(w, "Roadbed has not read all policies yet; try again", http.StatusServiceUnavailable)
			return
		}
		answers.ServeHTTP(w, r)
	})
}

// Watched returns a cache of what the lane watches and the program's own cache
// does not hold: its webhook configurations, the definitions of kinds, and, once
// they are asked for, role bindings. It runs with the manager, in every replica.
func Watched(mgr manager.Manager) (cache.Cache, error) {
	ours := cache.ByObject{Field: fields.OneTermEqualSelector("metadata.name", webhook.Name)}
	watched, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&admissionv1.ValidatingWebhookConfiguration{}: ours,
			&admissionv1.MutatingWebhookConfiguration{}:   ours,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of webhook configurations: %w", err)
	}
	return watched, mgr.Add(everywhere(watched.Start))
}

// everywhere runs in every replica.
type everywhere func(context.Context) error

var _ manager.LeaderElectionRunnable = everywhere(nil)

// Start runs it.
func (f everywhere) Start(ctx context.Context) error { return f(ctx) }

// NeedLeaderElection says no.
func (everywhere) NeedLeaderElection() bool { return false }

// definitions are the definitions of kinds, without their content.
func definitions() *metav1.PartialObjectMetadata {
	definition := &metav1.PartialObjectMetadata{}
	definition.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	return definition
}
