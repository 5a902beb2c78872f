package app

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/reports"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	gatewayrbac "github.com/roadbed-dev/roadbed/internal/domain/gateway/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
)

// requests are the metrics of gateways, registered on first use as decisions are.
var requests = sync.OnceValues(func() (gateways.Metrics, error) { return gateways.NewMetrics(metrics.Registry) })

// accessLogFile is the gateway's access log, beside the trail.
const accessLogFile = "access.log"

// unprivileged is added to ports that only the administrator of a machine may
// open, where the gateway listens on loopback: 80 becomes 8080.
const unprivileged = 8000

// entrance opens the gateway's data plane; nothing when the gateway does not run.
func (p *program) entrance(ctx context.Context, opts Options) (deps operator.Deps, err error) {
	if !opts.FeatureGates[gateways.Gate] || len(opts.Domains) > 0 && !slices.Contains(opts.Domains, "gateway") {
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
	p.gateway, err = gateways.New(ctx, gateways.Options{
		Config: opts.Config, Database: cmp.Or(opts.Database, filepath.Join(folder, reports.HistoryFile)),
		Metrics: counted, AccessLog: log, Clock: clock.RealClock{}, Log: opts.Log.With("domain", "gateway"),
	})
	if err != nil {
		return deps, fmt.Errorf("put the gateway together: %w", err)
	}
	p.closers = append(p.closers, p.gateway.Close)
	address := opts.GatewayAddr
	deps = operator.Deps{Sink: p.gateway, Addresses: []translate.Address{{Bind: address, Public: address.String()}}}
	if address.IsLoopback() {
		deps.Port = loopbackPort
	}
	return deps, nil
}

func loopbackPort(port int32) uint16 {
	if port < 1024 {
		port += unprivileged
	}
	return uint16(min(max(port, 0), math.MaxUint16))
}

// offered is what capabilities are given.
func (p *program) offered(opts Options, hooks *hooks) capabilities.Deps {
	deps := capabilities.Deps{Data: filepath.Dir(opts.TrailPath)}
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
		objects = append(objects, gatewayrbac.Objects()...)
	}
	if gates[capabilities.Gate] {
		objects = append(objects, capabilities.Objects()...)
	}
	return objects
}
