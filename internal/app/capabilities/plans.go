package capabilities

import (
	"context"
	"errors"
	"slices"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
	"github.com/roadbed-dev/roadbed/internal/adapter/render"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/bucket"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/database"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/environment"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// Plans are the provisioners by which one plans claims on one's own machine. They
// say what would be made, and reach none of the servers that make it: a plan
// names no address that only those know.
func Plans() map[v1alpha1.ProvisionerType]claim.Factory {
	server := postgres.New(unreached{})
	return map[v1alpha1.ProvisionerType]claim.Factory{
		v1alpha1.ProvisionerBuiltin: claim.Builtins(map[string]provision.Builtin{
			database.Name:    database.New(server, server, nil, clock.RealClock{}),
			bucket.Name:      bucket.New(noStore{}, nil, clock.RealClock{}),
			environment.Name: environment.New(nil),
		}),
		v1alpha1.ProvisionerHTTP: toldOf,
		v1alpha1.ProvisionerHelm: claim.Helm(render.NewCharts("")),
	}
}

// errUnreached is why a plan has no address.
var errUnreached = errors.New("a plan reaches no server")

// unreached is a PostgreSQL server that plans do not ask.
type unreached struct{}

// URL is not known.
func (unreached) URL(context.Context) (string, error) { return "", errUnreached }

// Available is not known.
func (unreached) Available(context.Context) (bool, error) { return false, errUnreached }

// noStore is an object store that plans do not ask: only its address is read.
type noStore struct{ bucket.Store }

// Address is not known.
func (noStore) Address() (endpoint, region string, pathStyle bool) { return "", "", false }

// toldOf is a service of a capability's team, which plans do not ask.
func toldOf(r *v1alpha1.CapabilityRevision) (*claim.Maker, error) {
	source := r.Spec.Provisioner.HTTP
	if source == nil {
		return nil, errors.New("provisioner.http: it is not set")
	}
	keys := slices.Sorted(slices.Values(r.Spec.Connection.SecretKeys))
	return &claim.Maker{Builtin: asked{said: provision.Preview{
		ConnectionKeys: keys,
		External:       []provision.External{{System: source.URL, Kind: "request", Name: "PUT", Detail: "the service of the capability's team makes it"}},
	}}}, nil
}

// asked is a provisioner of which only the plan is known.
type asked struct {
	provision.Builtin
	said provision.Preview
}

// Plan is what is known.
func (a asked) Plan(context.Context, provision.Input) (provision.Preview, error) { return a.said, nil }
