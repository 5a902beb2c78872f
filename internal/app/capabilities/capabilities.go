// Package capabilities puts the capability domain together: capabilities are
// published, and claims of them made true by templates, by Roadbed's own
// databases and environments, and on record of who used them.
package capabilities

import (
	"context"
	"path/filepath"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/folder"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres/local"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/database"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/environment"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
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
	deps Deps
}

var _ module.Module = (*Module)(nil)

// New returns the domain.
func New(deps Deps) *Module {
	given := operator.Deps{}
	if deps.Uses != nil {
		given.Usage = usage{deps.Uses}
	}
	if deps.Reach != nil {
		given.Reach = deps.Reach
	}
	return &Module{Domain: operator.New(given), deps: deps}
}

// Setup adds capabilities and claims to the host.
func (m *Module) Setup(host *module.Host) error {
	if err := m.Domain.Setup(host); err != nil {
		return err
	}
	if err := m.platform(host); err != nil {
		return err
	}
	builtins, err := m.builtins(host)
	if err != nil {
		return err
	}
	_, err = claim.Setup(host, claim.Deps{Factories: map[v1alpha1.ProvisionerType]claim.Factory{
		v1alpha1.ProvisionerBuiltin: claim.Builtins(builtins),
	}})
	return err
}

// builtins are Roadbed's own provisioners.
func (m *Module) builtins(host *module.Host) (map[string]provision.Builtin, error) {
	own := local.New(filepath.Join(m.deps.Data, "postgres"), host.Clock, host.Log)
	server := postgres.New(own)
	backups := database.NewBackups(server, folder.New(filepath.Join(m.deps.Data, "backups")), host.Clock, host.Log)
	for _, each := range []func(context.Context) error{own.Run, backups.Run} {
		if err := host.Manager.Add(manager.RunnableFunc(each)); err != nil {
			return nil, err
		}
	}
	return map[string]provision.Builtin{
		"postgres":    database.New(server, server, backups, host.Clock),
		"environment": environment.New(host.Manager.GetClient()),
	}, nil
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
