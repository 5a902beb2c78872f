package operator_test

import (
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const patience = 30 * time.Second

// platform is the domain at work on a real API server. All tests share it.
type platform struct {
	env    *kubetest.Env
	client client.Client
	hooks  *hooks
	usage  *usage
	broken *broken
	domain *operator.Domain
	trail  *book
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
	p := &platform{env: env, client: env.Client, hooks: newHooks(), usage: &usage{}, broken: &broken{}, trail: &book{}, clock: &calendar{}}
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
	mgr, err := newManager(p.env.As(t, identity.Roadbed, identity.RoadbedGroups()...), p)
	if err != nil {
		t.Fatal(err)
	}
	host := &module.Host{
		Manager: mgr, Routes: http.NewServeMux(), Trail: p.trail, Clock: p.clock,
		Liveness: steps.NewLiveness(clock.RealClock{}, steps.SilenceLimit), Log: testLog(),
	}
	p.domain = operator.New(operator.Deps{Usage: p.usage, Reach: p.hooks.reach, Builtins: []string{"none", "tank"}, Available: p.broken.available})
	if err := p.domain.Setup(host); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	kubetest.AtExit(func() error {
		cancel()
		err := <-done
		p.hooks.server.Close()
		return err
	})
	kubetest.Eventually(t, patience, "every controller reconciles", func() error { return host.Liveness.Check(ctx) })
}

func testLog() *slog.Logger {
	if os.Getenv("ROADBED_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

func newManager(connection *rest.Config, p *platform) (manager.Manager, error) {
	connection = rest.CopyConfig(connection)
	connection.QPS, connection.Burst = -1, -1
	log := logr.FromSlogHandler(testLog().Handler())
	ctrl.SetLogger(log)
	return ctrl.NewManager(connection, manager.Options{
		Scheme: p.env.Scheme, Logger: log,
		Client:                 client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}},
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		WebhookServer:          p.hooks,
		Controller:             config.Controller{SkipNameValidation: new(true)},
	})
}

// book is a trail that tests read.
type book struct {
	mu      sync.Mutex
	records []trail.Record // guarded by mu
}

func (b *book) Record(_ context.Context, r trail.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, r)
	return nil
}

// deeds are the actions on a Capability, in order.
func (b *book) deeds(name string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var deeds []string
	for _, r := range b.records {
		if r.Object.Name == name {
			deeds = append(deeds, r.Action)
		}
	}
	return deeds
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
