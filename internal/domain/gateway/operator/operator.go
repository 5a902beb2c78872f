package operator

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// Sink is who serves what the feed finds.
type Sink interface {
	// Apply serves by the Config from now on. An error says what of it cannot be
	// served; the rest is.
	Apply(config *gateway.Config) error
}

// Deps are what the domain is given by the program.
type Deps struct {
	// Sink gets every Config. Required.
	Sink Sink
	// Addresses are those that Gateways can have. Required.
	Addresses []translate.Address
	// Port says which port to listen on for a listener's; nil means the same one.
	Port func(port int32) uint16
	// Own are the endpoints of Services that the program serves itself.
	Own map[translate.Key][]gateway.Endpoint
	// Watcher makes no writes at all: for processes that only serve.
	Watcher bool
}

// Domain is the gateway's control plane as the program runs it.
type Domain struct {
	deps Deps
}

var _ module.Module = (*Domain)(nil)

// New returns the domain.
func New(deps Deps) *Domain { return &Domain{deps: deps} }

// Names of what reports liveness.
const (
	feedName         = "gateway-feed"
	subscriptionName = "subscription"
)

// Describe says what the domain is.
func (d *Domain) Describe() module.Description {
	kind := func(name, plural, summary string) module.Kind {
		return module.Kind{GroupVersionKind: v1alpha1.GroupVersion.WithKind(name), Plural: plural, Summary: summary}
	}
	description := module.Description{
		Name:    "gateway",
		Summary: "One entry point in front of the platform's APIs: it knows who calls, treats callers fairly, and tells them ahead what will go away.",
		Stage:   module.Alpha,
		Kinds: []module.Kind{
			kind("AuthorizationPolicy", "authorizationpolicies", "Who may call a route, and how callers prove who they are."),
			kind("RateLimitPolicy", "ratelimitpolicies", "How many requests each tenant, client or claim may make."),
			kind("LifecyclePolicy", "lifecyclepolicies", "Where the version of an API stands, and what its callers are told."),
			kind("Subscription", "subscriptions", "A tenant's wish for an API key."),
		},
		Controllers: []string{feedName, subscriptionName},
	}
	if d.deps.Watcher {
		description.Controllers = []string{feedName}
	}
	return description
}

// Setup adds the feed and the controllers to the host.
func (d *Domain) Setup(host *module.Host) error {
	if d.deps.Sink == nil || len(d.deps.Addresses) == 0 {
		return errors.New("the gateway's control plane needs a sink and an address")
	}
	if err := errors.Join(gatewayv1.Install(host.Manager.GetScheme()), v1alpha1.AddToScheme(host.Manager.GetScheme())); err != nil {
		return fmt.Errorf("register the gateway's kinds: %w", err)
	}
	feed, err := newFeed(host, d.deps)
	if err != nil {
		return err
	}
	if err := host.Manager.Add(feed); err != nil {
		return err
	}
	if d.deps.Watcher {
		return nil
	}
	return setupSubscriptions(host)
}

// Class is the GatewayClass that comes with Roadbed.
func Class() client.Object {
	class := &gatewayv1.GatewayClass{Spec: gatewayv1.GatewayClassSpec{ControllerName: translate.Controller}}
	class.Name = "roadbed"
	class.SetGroupVersionKind(schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: gatewayv1.GroupVersion.Version, Kind: "GatewayClass"})
	description := "Roadbed's own gateway."
	class.Spec.Description = &description
	return class
}
