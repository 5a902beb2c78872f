package capabilities

import (
	"context"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/folder"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres/local"
	"github.com/roadbed-dev/roadbed/internal/adapter/render"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/bucket"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/database"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/environment"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// factories make the provisioners of revisions, by type.
func (m *Module) factories(host *module.Host) (map[v1alpha1.ProvisionerType]claim.Factory, error) {
	given := backends{host.Manager.GetAPIReader()}
	own, err := m.own(host, given)
	if err != nil {
		return nil, err
	}
	if err := m.follow(host, own); err != nil {
		return nil, err
	}
	return map[v1alpha1.ProvisionerType]claim.Factory{
		v1alpha1.ProvisionerBuiltin: claim.Builtins(own),
		v1alpha1.ProvisionerHTTP:    claim.HTTP(given),
		v1alpha1.ProvisionerHelm:    claim.Helm(render.NewCharts(filepath.Join(m.deps.Data, "charts"))),
	}, nil
}

// builtins are the names of what own returns.
func builtins() []string { return []string{database.Name, environment.Name, bucket.Name} }

// own are Roadbed's own provisioners.
func (m *Module) own(host *module.Host, given backends) (map[string]provision.Builtin, error) {
	installed := local.New(filepath.Join(m.deps.Data, "postgres"), host.Clock, host.Log)
	server := postgres.New(chosen{backends: given, own: installed})
	backups := database.NewBackups(server, folder.New(filepath.Join(m.deps.Data, "backups")), host.Clock, host.Log)
	for _, each := range []func(context.Context) error{installed.Run, backups.Run} {
		if err := host.Manager.Add(manager.RunnableFunc(each)); err != nil {
			return nil, err
		}
	}
	return map[string]provision.Builtin{
		database.Name:    database.New(server, server, backups, host.Clock),
		bucket.Name:      &buckets{backends: given, clock: host.Clock},
		environment.Name: environment.New(host.Manager.GetClient()),
	}, nil
}
