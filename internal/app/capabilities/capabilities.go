// Package capabilities puts the capability domain together: capabilities are
// published, and claims of them made true by templates, by Roadbed's own
// databases and environments, and on record of who used them.
package capabilities

import (
	"context"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/availability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/consumers"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/ledger"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// Gate is the feature gate of capabilities.
const Gate = "Capabilities"

// Deps are what capabilities are given by the program.
type Deps struct {
	// Data is the folder that databases and their backups are kept in.
	Data string
	// Uses are those that the gateway counted; nil where there is none.
	Uses *ledger.Store
	// Reach says where the API server reaches a path of the webhooks; nil where it
	// does not.
	Reach func(path string) *apiextensionsv1.WebhookClientConfig
	// Platform serves claims over HTTP; nil where there is no gateway.
	Platform *Platform
}

// Module is the domain with its claims.
type Module struct {
	*operator.Domain
	deps  Deps
	board *availability.Board // nil until Setup
}

var _ module.Module = (*Module)(nil)

// New returns the domain.
func New(deps Deps) *Module {
	m := &Module{deps: deps}
	given := operator.Deps{Settings: settings(deps.Platform != nil), Usage: m.usage(), Builtins: builtins(), Available: m.available}
	if deps.Reach != nil {
		given.Reach = deps.Reach
	}
	m.Domain = operator.New(given)
	return m
}

// Describe says what the domain is.
func (m *Module) Describe() module.Description {
	described := m.Domain.Describe()
	described.Routes = consumers.Routes()
	return described
}

// Setup adds capabilities and claims to the host.
func (m *Module) Setup(host *module.Host) error {
	if err := m.Domain.Setup(host); err != nil {
		return err
	}
	direct, err := kubernetes.NewForConfigAndClient(host.Manager.GetConfig(), host.Manager.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("make the direct client: %w", err)
	}
	consumers.HTTP{Client: direct, Reader: host.Manager.GetClient(), Usage: m.usage(), Clock: host.Clock}.Register(host.Routes)
	if err := m.platform(host, direct); err != nil {
		return err
	}
	factories, err := m.factories(host)
	if err != nil {
		return err
	}
	_, err = claim.Setup(host, claim.Deps{Factories: factories, Changed: m.ClaimsChanged})
	return err
}

// usage tells who used an API: nobody can have where there is no gateway.
func (m *Module) usage() capability.Usage {
	if m.deps.Uses == nil {
		return capability.Nobody{}
	}
	return usage{m.deps.Uses}
}

// usage tells from the gateway's ledger who used an API.
type usage struct{ store *ledger.Store }

// Consumers are those who used a version.
func (u usage) Consumers(ctx context.Context, api, version string, since time.Time) ([]capability.Consumer, error) {
	uses, err := u.store.Uses(ctx, ledger.Query{API: api, Version: version, Since: since})
	if err != nil {
		return nil, err
	}
	consumers := make([]capability.Consumer, len(uses))
	for i, use := range uses {
		consumers[i] = capability.Consumer{Tenant: use.Tenant, Client: use.Client, Operation: use.Operation, Last: use.Last}
	}
	return consumers, nil
}
