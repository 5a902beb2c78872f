package guards_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// plane is a control plane with guards and roles, and the ways to act on it.
type plane struct {
	*kubetest.Env
	config *rest.Config
	mapper meta.RESTMapper
	scheme *runtime.Scheme
}

// startPlane starts a plane of the test's own, because the guards would judge
// everybody else's tests too. With static true the core guards are files of
// the API server, as in the embedded control plane; otherwise all are objects.
func startPlane(t *testing.T, static bool) *plane {
	t.Helper()
	options := []kubetest.Option{kubetest.WithNodes(1)}
	if static {
		options = append(options, kubetest.WithAdmission(staticManifests()...))
	}
	env := kubetest.Private(t, options...)
	config := rest.CopyConfig(env.Admin)
	config.QPS = -1
	p := &plane{Env: env, config: config, mapper: newMapper(t, config), scheme: env.Scheme}
	create(t, p.admin(t), rbac.Objects()...)
	create(t, p.admin(t), guards.Objects(static)...)
	p.InstallCRDs(t)
	return p
}

func staticManifests() []standalone.Manifest {
	var manifests []standalone.Manifest
	for _, m := range guards.Static() {
		manifests = append(manifests, standalone.Manifest{Name: m.Name, Data: m.Data})
	}
	return manifests
}

func newMapper(t *testing.T, config *rest.Config) meta.RESTMapper {
	t.Helper()
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, http)
	if err != nil {
		t.Fatal(err)
	}
	return mapper
}

// admin acts as a cluster admin by ordinary verbs.
func (p *plane) admin(t *testing.T) client.Client { return p.client(t, p.config) }

// as acts as somebody else. Admission and RBAC see only whom one acts as.
func (p *plane) as(t *testing.T, user string, groups ...string) client.Client {
	config := rest.CopyConfig(p.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(slices.Clone(groups), "system:authenticated")}
	return p.client(t, config)
}

// roadbed acts as Roadbed, with Roadbed's own rights and no more.
func (p *plane) roadbed(t *testing.T) client.Client {
	return p.as(t, identity.Roadbed, identity.RoadbedGroups()...)
}

// installer acts as Roadbed with a cluster admin's rights, on record.
func (p *plane) installer(t *testing.T) client.Client {
	return p.as(t, identity.Roadbed, "system:masters")
}

// bearing acts as whoever the token is for.
func (p *plane) bearing(token string) (client.Client, error) {
	config := rest.AnonymousClientConfig(p.config)
	config.QPS = -1
	config.BearerToken = token
	return client.New(config, client.Options{Scheme: p.scheme, Mapper: p.mapper})
}

func (p *plane) client(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{Scheme: p.scheme, Mapper: p.mapper})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually allows for controllers and caches on a busy machine.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	kubetest.Eventually(t, time.Minute, what, check)
}

// awaitGuards returns when the guards that are objects have reached the API
// server's admission.
func (s *scene) awaitGuards(t *testing.T) {
	t.Helper()
	for _, o := range aroundTheScheduler() {
		eventually(t, o.guard+" is in force", func() error {
			if err := o.do(t.Context(), s.admin, s); err == nil {
				return fmt.Errorf("%q went through", o.name)
			}
			return nil
		})
	}
}
