package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/roadbed-dev/roadbed/internal/app/health"
	"github.com/roadbed-dev/roadbed/internal/app/serving"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Where the API server finds the webhooks.
const (
	webhookService = "roadbed-webhook"
	webhookSecret  = "roadbed-webhook-cert"
)

// renewCheck is how often the certificate is looked after.
const renewCheck = 12 * time.Hour

// hooks is the server of the admission webhooks. It owns its certificate and
// tells the API server where it is and whom to trust.
type hooks struct {
	mode     WebhookMode
	mux      *http.ServeMux
	listener net.Listener // nil when the mode is WebhookOff
	clock    clock.WithTicker
	cert     atomic.Pointer[tls.Certificate]
	renew    func(ctx context.Context) error
	// reached is how the API server reaches the webhooks; listeners hear of
	// changes.
	reached   atomic.Pointer[reach]
	listeners []func()
}

var _ webhook.Server = (*hooks)(nil)

// newHooks opens the port that the webhooks are served on.
func newHooks(opts Options) (*hooks, error) {
	h := &hooks{mode: opts.Webhook, mux: http.NewServeMux(), clock: opts.Clock}
	address := "127.0.0.1:0"
	switch opts.Webhook {
	case WebhookOff:
		return h, nil
	case WebhookService:
		address = ":" + strconv.Itoa(opts.WebhookPort)
	case WebhookLoopback:
	}
	listener, err := health.Listen("webhooks", address)
	if err != nil {
		return nil, err
	}
	h.listener = listener
	return h, nil
}

// address is where the webhooks are served; empty if nowhere.
func (h *hooks) address() string {
	if h.listener == nil {
		return ""
	}
	return h.listener.Addr().String()
}

func (h *hooks) close() error {
	if h.listener == nil {
		return nil
	}
	return h.listener.Close()
}

// NeedLeaderElection says no: every copy answers.
func (*hooks) NeedLeaderElection() bool { return false }

// Register serves a webhook at a path.
func (h *hooks) Register(path string, hook http.Handler) { h.mux.Handle(path, hook) }

// WebhookMux is what the webhooks are registered with.
func (h *hooks) WebhookMux() *http.ServeMux { return h.mux }

// StartedChecker is content from the beginning: the port is open before
// anything else begins.
func (h *hooks) StartedChecker() healthz.Checker { return healthz.Ping }

// Start serves until the context ends, and renews the certificate.
func (h *hooks) Start(ctx context.Context) error {
	if h.listener == nil {
		return nil
	}
	go h.keepFresh(ctx)
	config := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return h.cert.Load(), nil },
	}
	return (&health.Server{Name: "webhooks", Listener: tls.NewListener(h.listener, config), Handler: h.mux}).Start(ctx)
}

// keepFresh looks after the certificate until the context ends. An attempt
// that fails is made again at the next look, long before it matters.
func (h *hooks) keepFresh(ctx context.Context) {
	ticker := h.clock.NewTicker(renewCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			_ = h.renew(ctx)
		}
	}
}

// register gets a certificate and tells the API server where the webhooks are.
func (h *hooks) register(ctx context.Context, client kubernetes.Interface) error {
	switch h.mode {
	case WebhookLoopback:
		h.renew = func(context.Context) error { return nil }
		return h.registerLoopback(ctx, client)
	case WebhookService:
		h.renew = func(ctx context.Context) error { return h.registerService(ctx, client) }
		return h.renew(ctx)
	case WebhookOff:
	}
	return nil
}

func (h *hooks) registerLoopback(ctx context.Context, client kubernetes.Interface) error {
	cert, err := serving.Issue(h.clock.Now(), serving.Unkept, "127.0.0.1")
	if err != nil {
		return fmt.Errorf("make the webhooks' certificate: %w", err)
	}
	if err := h.use(cert); err != nil {
		return err
	}
	at := func(path string) admissionv1.WebhookClientConfig {
		url := "https://" + h.address() + path
		return admissionv1.WebhookClientConfig{URL: &url, CABundle: cert.Authority}
	}
	h.reachedAt(at)
	return announceHooks(ctx, client, at)
}

// registerService uses the certificate that all copies share, and makes or
// renews it if need be.
func (h *hooks) registerService(ctx context.Context, client kubernetes.Interface) error {
	host := webhookService + "." + identity.SystemNamespace + ".svc"
	cert, err := serving.Shared(ctx, client, h.clock.Now(), webhookSecret, host)
	if err != nil {
		return err
	}
	if err := h.use(cert); err != nil {
		return err
	}
	at := func(path string) admissionv1.WebhookClientConfig {
		return serviceClientConfig(path, cert.Authority)
	}
	h.reachedAt(at)
	return announceHooks(ctx, client, at)
}

func serviceClientConfig(path string, authority []byte) admissionv1.WebhookClientConfig {
	return admissionv1.WebhookClientConfig{
		Service:  &admissionv1.ServiceReference{Namespace: identity.SystemNamespace, Name: webhookService, Path: &path},
		CABundle: authority,
	}
}

func (h *hooks) use(cert serving.Certificate) error {
	pair, err := cert.Pair()
	if err != nil {
		return err
	}
	h.cert.Store(&pair)
	return nil
}

// announceHooks writes where each installed webhook is reached. A cluster that
// Roadbed was installed in without webhooks is left without.
func announceHooks(ctx context.Context, client kubernetes.Interface, at reach) error {
	registration := client.AdmissionregistrationV1()
	told := patchHooks(ctx, registration.MutatingWebhookConfigurations(), tenancyHooks, holding(at).Webhooks)
	for _, wanted := range advice(at) {
		told = errors.Join(told, patchHooks(ctx, registration.ValidatingWebhookConfigurations(), wanted.Name, wanted.Webhooks))
	}
	return told
}

// hookPatcher patches configurations of validating or of mutating webhooks.
type hookPatcher[T any] interface {
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (*T, error)
}

// patchHooks writes the webhooks of a configuration, if that is installed.
func patchHooks[T any](ctx context.Context, configurations hookPatcher[T], name string, webhooks any) error {
	body, err := json.Marshal(map[string]any{"webhooks": webhooks})
	if err != nil {
		return fmt.Errorf("encode the webhook configuration: %w", err)
	}
	_, err = configurations.Patch(ctx, name, types.StrategicMergePatchType, body, metav1.PatchOptions{FieldManager: "roadbed"})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("tell the API server where the webhooks are: %w", err)
	}
	return nil
}
