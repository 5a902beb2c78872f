package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	gatewayrbac "github.com/roadbed-dev/roadbed/internal/domain/gateway/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
)

// requests are the metrics of gateways, registered on first use as decisions are.
var requests = sync.OnceValues(func() (gateways.Metrics, error) { return gateways.NewMetrics(metrics.Registry) })

// accessLogFile is the gateway's access log, beside the trail.
const accessLogFile = "access.log"

// entrance opens the gateway's data plane; nothing when the gateway does not run.
func (p *program) entrance(ctx context.Context, opts Options) (deps operator.Deps, err error) {
	if !runs(opts, gateways.Gate, "gateway") {
		return deps, nil
	}
	counted, err := requests()
	if err != nil {
		return deps, fmt.Errorf("register the metrics of gateways: %w", err)
	}
	folder := filepath.Dir(opts.TrailPath)
	log, err := os.OpenFile(filepath.Join(folder, accessLogFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return deps, fmt.Errorf("open the gateway's access log: %w", err)
	}
	p.closers = append(p.closers, log.Close)
	db, err := p.database(ctx, opts)
	if err != nil {
		return deps, err
	}
	leader, err := p.leader(opts)
	if err != nil {
		return deps, err
	}
	p.gateway, err = gateways.New(ctx, gateways.Options{
		Config: opts.Config, Database: db, Redis: opts.Gateway.Redis, Leader: leader, Process: rand.Text(),
		OwnFront: opts.Gateway.OwnFront, MaxBody: opts.Gateway.MaxBody, Spans: opts.Gateway.Spans,
		Metrics: counted, AccessLog: log, Clock: clock.RealClock{}, Log: opts.Log.With("domain", "gateway"),
	})
	if err != nil {
		return deps, fmt.Errorf("put the gateway together: %w", err)
	}
	p.closers = append(p.closers, p.gateway.Close)
	own, err := p.openPlatform(opts)
	if err != nil {
		return deps, err
	}
	address := opts.GatewayAddr
	deps = operator.Deps{Sink: p.gateway, Own: own, Addresses: []translate.Address{publicAddress(address, opts.Gateway.Public)}}
	if deps.Port = opts.GatewayPort; deps.Port == nil && address.IsLoopback() {
		deps.Port = unprivilegedPort
	}
	p.port = deps.Port
	return deps, nil
}

// offered is what capabilities are given.
func (p *program) offered(opts Options, hooks *hooks) capabilities.Deps {
	deps := capabilities.Deps{Data: filepath.Dir(opts.TrailPath), Platform: p.platform}
	if p.platform != nil {
		p.platform.Callers = p.gateway
	}
	if p.gateway != nil {
		deps.Uses = p.gateway.Uses()
	}
	if opts.Webhook != WebhookOff {
		deps.Reach = hooks.conversion
	}
	return deps
}

// conversion is how the API server reaches a path that converts claims; nil
// before the webhooks have a certificate.
func (h *hooks) conversion(path string) *apiextensionsv1.WebhookClientConfig {
	at := h.reached.Load()
	if at == nil {
		return nil
	}
	config := (*at)(path)
	found := &apiextensionsv1.WebhookClientConfig{URL: config.URL, CABundle: config.CABundle}
	if s := config.Service; s != nil {
		found.Service = &apiextensionsv1.ServiceReference{Namespace: s.Namespace, Name: s.Name, Path: s.Path, Port: s.Port}
	}
	return found
}

// gatedObjects are what domains behind feature gates need of a cluster, where
// they are switched on.
func gatedObjects(gates map[string]bool) []client.Object {
	var objects []client.Object
	if gates[gateways.Gate] {
		objects = append(objects, append(gatewayrbac.Objects(), gatewayrbac.ProcessObjects()...)...)
	}
	if gates[gateways.Gate] || gates[capabilities.Gate] {
		objects = append(objects, gatewayrbac.Guards()...) // capabilities' own rights would reach as far
	}
	if gates[capabilities.Gate] {
		objects = append(objects, capabilities.Objects()...)
	}
	return objects
}
