package operator_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/offboard"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// patience is how long tests wait for what takes a moment.
const patience = time.Minute

// platform is the domain at work on a real API server, acting with Roadbed's
// own rights and no others. All tests of the process share it.
type platform struct {
	env     *kubetest.Env
	client  client.Client
	trail   *controllertest.Trail
	exports *memoryExports

	mu   sync.Mutex
	stop func() error // guarded by mu
}

var (
	platformOnce sync.Once
	common       *platform
)

// start returns the shared platform and starts it when this is the first call.
func start(t *testing.T) *platform {
	t.Helper()
	platformOnce.Do(func() {
		env := kubetest.Start(t)
		common = install(t, env)
		kubetest.AtExit(common.halt)
	})
	if common == nil {
		t.Fatal("the platform did not start in an earlier test")
	}
	return common
}

// install puts kinds, rights and tiers into a plane and starts the domain.
func install(t *testing.T, env *kubetest.Env) *platform {
	t.Helper()
	env.InstallCRDs(t)
	p := &platform{env: env, client: env.Client, trail: &controllertest.Trail{}, exports: &memoryExports{}}
	for _, obj := range rbac.Objects() {
		p.create(t, obj)
	}
	for _, tier := range tenancy.Tiers() {
		p.create(t, tier)
	}
	p.run(t)
	return p
}

func (p *platform) create(t *testing.T, obj client.Object) {
	t.Helper()
	if err := p.client.Create(context.Background(), obj); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// run starts a manager that lives until stop or the end of the process.
func (p *platform) run(t *testing.T) {
	t.Helper()
	host := controllertest.Host(t, p.env, p.env.As(t, identity.Roadbed, identity.RoadbedGroups()...), p.trail, func(o *manager.Options) { o.Cache.ByObject = estate.Cached() })
	if err := operator.New(operator.Deps{Exporter: p.exports}).Setup(host); err != nil {
		t.Fatal(err)
	}
	stop := controllertest.Run(t, host)
	p.mu.Lock()
	p.stop = stop
	p.mu.Unlock()
}

// restart stops the domain and starts it anew, as after a crash.
func (p *platform) restart(t *testing.T) {
	t.Helper()
	if err := p.halt(); err != nil {
		t.Fatal(err)
	}
	p.run(t)
}

// halt stops the domain and waits until it has stopped.
func (p *platform) halt() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop()
}

// memoryExports keeps exports for tests to look at.
type memoryExports struct {
	mu   sync.Mutex
	kept map[string][]*unstructured.Unstructured
}

var _ offboard.Exporter = (*memoryExports)(nil)

func (m *memoryExports) Export(_ context.Context, tenant, _ string, objects []*unstructured.Unstructured) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string][]*unstructured.Unstructured{}
	}
	m.kept[tenant] = objects
	return "memory:" + tenant, nil
}

func (m *memoryExports) of(tenant string) []*unstructured.Unstructured {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[tenant]
}

// unit makes a business unit that may do anything within the envelope.
func (p *platform) unit(t *testing.T, name string, change ...func(*v1alpha1.BusinessUnit)) *v1alpha1.BusinessUnit {
	t.Helper()
	unit := &v1alpha1.BusinessUnit{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.BusinessUnitSpec{
			Jurisdictions: []string{"uk", "eu"},
			Envelope:      corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("100000")},
		},
	}
	for _, c := range change {
		c(unit)
	}
	p.create(t, unit)
	return unit
}

// tenant makes a tier-2 tenant of the unit.
func (p *platform) tenant(t *testing.T, name, unit string, change ...func(*v1alpha1.Tenant)) *v1alpha1.Tenant {
	t.Helper()
	tenant := newTenant(name, unit, change...)
	if err := p.client.Create(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	return tenant
}

func newTenant(name, unit string, change ...func(*v1alpha1.Tenant)) *v1alpha1.Tenant {
	tenant := &v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.TenantSpec{
			Owner: "team-" + name, BusinessUnit: unit, Tier: "tier-2",
			Jurisdictions: []string{"uk"}, CostCenter: "CC-1",
			Access: v1alpha1.TenantAccess{
				Admins:     []v1alpha1.Subject{{Kind: "Group", Name: "corp:" + name + "-admins"}},
				Developers: []v1alpha1.Subject{{Kind: "Group", Name: "corp:" + name + "-developers"}},
			},
		},
	}
	for _, c := range change {
		c(tenant)
	}
	return tenant
}

// environments gives a tenant namespaces of these names.
func environments(names ...string) func(*v1alpha1.Tenant) {
	return func(t *v1alpha1.Tenant) {
		t.Spec.Namespaces = nil
		for _, name := range names {
			t.Spec.Namespaces = append(t.Spec.Namespaces, v1alpha1.TenantNamespace{Name: name})
		}
	}
}

// cpu asks for so many cores.
func cpu(cores string) func(*v1alpha1.Tenant) {
	return func(t *v1alpha1.Tenant) {
		t.Spec.Quota = corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(cores)}
	}
}

// read is the tenant as it is now.
func (p *platform) read(t *testing.T, name string) *v1alpha1.Tenant {
	t.Helper()
	var tenant v1alpha1.Tenant
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: name}, &tenant); err != nil {
		t.Fatal(err)
	}
	return &tenant
}

// update changes the tenant as it is now.
func (p *platform) update(t *testing.T, name string, change func(*v1alpha1.Tenant)) {
	t.Helper()
	kubetest.Eventually(t, patience, "tenant "+name+" is updated", func() error {
		tenant := p.read(t, name)
		change(tenant)
		return p.client.Update(t.Context(), tenant)
	})
}

// ready waits until the tenant is ready for its newest spec.
func (p *platform) ready(t *testing.T, name string) *v1alpha1.Tenant {
	t.Helper()
	return p.awaits(t, name, condition.Ready, metav1.ConditionTrue, condition.ReasonReady)
}

// awaits waits until a condition of the tenant's newest spec has the status and
// reason.
func (p *platform) awaits(t *testing.T, name, kind string, status metav1.ConditionStatus, reason string) *v1alpha1.Tenant {
	t.Helper()
	var tenant *v1alpha1.Tenant
	kubetest.Eventually(t, patience, fmt.Sprintf("%s of tenant %s is %s with reason %s", kind, name, status, reason), func() error {
		tenant = p.read(t, name)
		c := condition.Get(tenant.Status.Conditions, kind)
		if c == nil || c.Status != status || c.Reason != reason || c.ObservedGeneration != tenant.Generation {
			return fmt.Errorf("generation %d, conditions %+v", tenant.Generation, tenant.Status.Conditions)
		}
		return nil
	})
	return tenant
}

// isolatedNamespace says whether the namespace admits pods.
func (p *platform) isolatedNamespace(t *testing.T, name string) error {
	t.Helper()
	var ns corev1.Namespace
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: name}, &ns); err != nil {
		return err
	}
	for _, c := range ns.Status.Conditions {
		if c.Type == v1alpha1.ConditionIsolated && c.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("namespace %s is not isolated: %+v", name, ns.Status.Conditions)
}

// reservations are what the unit has given to whom, in cores.
func (p *platform) reservations(t *testing.T, unit string) map[string]string {
	t.Helper()
	var u v1alpha1.BusinessUnit
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: unit}, &u); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range u.Status.Reservations {
		amount := r.Quota[corev1.ResourceRequestsCPU]
		found[r.Name] = amount.String()
	}
	return found
}

// may asks the API server whether the user has the right.
func (p *platform) may(t *testing.T, user, verb, kind, name string) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: []string{"system:authenticated"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: v1alpha1.GroupVersion.Group, Resource: kind, Name: name, Verb: verb,
		},
	}}
	if err := p.client.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// gone says whether an object does not exist any more.
func (p *platform) gone(t *testing.T, obj client.Object) error {
	t.Helper()
	err := p.client.Get(t.Context(), client.ObjectKeyFromObject(obj), obj)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	return errors.New(obj.GetName() + " still exists")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
