package operator_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const patience = time.Minute

// platform is the domain at work on a real API server. All tests share it.
type platform struct {
	env    *kubetest.Env
	client client.Client
	hooks  *hooks
	usage  *usage
	broken *broken
	domain *operator.Domain
	trail  *controllertest.Trail
	clock  *calendar
}

// calendar is a clock whose days tests let pass.
type calendar struct {
	clock.RealClock

	ahead atomic.Int64
}

func (c *calendar) Now() time.Time { return c.RealClock.Now().Add(time.Duration(c.ahead.Load())) }

// pass lets time pass until the test ends. A test that does must not be parallel.
func (c *calendar) pass(t *testing.T, by time.Duration) {
	t.Helper()
	c.ahead.Add(int64(by))
	t.Cleanup(func() { c.ahead.Add(-int64(by)) })
}

var (
	once   sync.Once
	common *platform
)

func start(t *testing.T) *platform {
	t.Helper()
	once.Do(func() { common = install(t) })
	if common == nil {
		t.Fatal("the platform did not start in an earlier test")
	}
	return common
}

func install(t *testing.T) *platform {
	t.Helper()
	env := kubetest.Lasting(t)
	env.InstallCRDs(t)
	env.InstallGatewayCRDs(t)
	p := &platform{env: env, client: env.Client, hooks: newHooks(), usage: &usage{}, broken: &broken{}, trail: &controllertest.Trail{}, clock: &calendar{}}
	p.ensure(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: identity.SystemNamespace}})
	for _, obj := range append(rbac.Objects(), guards.Objects()...) {
		p.ensure(t, obj)
	}
	p.run(t)
	p.ensure(t, p.hooks.configuration())
	return p
}

func (p *platform) ensure(t *testing.T, obj client.Object) {
	t.Helper()
	if err := p.client.Create(context.Background(), obj); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

func (p *platform) run(t *testing.T) {
	t.Helper()
	p.ensure(t, systemRole())
	p.ensure(t, systemBinding())
	host := controllertest.Host(t, p.env, p.env.As(t, identity.Roadbed, identity.RoadbedGroups()...), p.trail, func(o *manager.Options) { o.WebhookServer = p.hooks })
	host.Clock = p.clock
	p.domain = operator.New(operator.Deps{Usage: p.usage, Reach: p.hooks.reach, Builtins: []string{"none", "tank"}, Available: p.broken.available})
	if err := p.domain.Setup(host); err != nil {
		t.Fatal(err)
	}
	stop := controllertest.Run(t, host)
	kubetest.AtExit(func() error {
		err := stop()
		p.hooks.server.Close()
		return err
	})
}

// usage is a ledger that tests write.
type usage struct {
	mu   sync.Mutex
	used map[string][]capability.Consumer // guarded by mu; by API and version
}

func (u *usage) Consumers(_ context.Context, api, version string, _ time.Time) ([]capability.Consumer, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.used[api+"/"+version], nil
}

func (u *usage) use(api, version string, who capability.Consumer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used == nil {
		u.used = map[string][]capability.Consumer{}
	}
	u.used[api+"/"+version] = append(u.used[api+"/"+version], who)
}

// leave forgets who used a version.
func (u *usage) leave(api, version string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.used, api+"/"+version)
}

// broken says why the provisioner "tank" cannot work; tests break and mend it.
type broken struct {
	why   atomic.Pointer[string]
	asked atomic.Int64
}

func (b *broken) available(_ context.Context, builtin string) error {
	if builtin != "tank" {
		return nil
	}
	b.asked.Add(1)
	if why := b.why.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

// hooks serve webhooks on loopback.
type hooks struct {
	mux    *http.ServeMux
	server *httptest.Server
}

var _ webhook.Server = (*hooks)(nil)

func newHooks() *hooks {
	h := &hooks{mux: http.NewServeMux()}
	h.server = httptest.NewTLSServer(h.mux)
	return h
}

func (*hooks) NeedLeaderElection() bool                     { return false }
func (h *hooks) Register(path string, handler http.Handler) { h.mux.Handle(path, handler) }
func (h *hooks) WebhookMux() *http.ServeMux                 { return h.mux }
func (*hooks) StartedChecker() healthz.Checker              { return healthz.Ping }
func (*hooks) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (h *hooks) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.server.Certificate().Raw})
}

func (h *hooks) reach(path string) *apiextensionsv1.WebhookClientConfig {
	url := h.server.URL + path
	return &apiextensionsv1.WebhookClientConfig{URL: &url, CABundle: h.authority()}
}

func (h *hooks) configuration() *admissionv1.ValidatingWebhookConfiguration {
	made := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "capability-test"}}
	for resource, path := range map[string]string{"capabilities": operator.PathCapabilities, "featureflags": operator.PathFlags} {
		url := h.server.URL + path
		made.Webhooks = append(made.Webhooks, admissionv1.ValidatingWebhook{
			Name: resource + ".capability.roadbed.dev", FailurePolicy: new(admissionv1.Fail), SideEffects: new(admissionv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"}, ClientConfig: admissionv1.WebhookClientConfig{URL: &url, CABundle: h.authority()},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update, admissionv1.Delete},
				Rule: admissionv1.Rule{
					APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{v1alpha1.GroupVersion.Version}, Resources: []string{resource},
				},
			}},
		})
	}
	return made
}
