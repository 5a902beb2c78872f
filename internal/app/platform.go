package app

import (
	"net/netip"
	"slices"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/health"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
)

// runs says whether a domain behind a feature gate runs.
func runs(opts Options, gate, domain string) bool {
	return opts.FeatureGates[gate] && (len(opts.Domains) == 0 || slices.Contains(opts.Domains, domain))
}

// openPlatform opens what claims over HTTP are served on, where there are both
// capabilities and a gateway to lead there. In a cluster a Service leads to it;
// elsewhere this process's own gateway alone does, which is told the address: it
// is one of loopback, which the cluster's objects cannot name.
func (p *program) openPlatform(opts Options) (own map[translate.Key][]gateway.Endpoint, err error) {
	if !runs(opts, capabilities.Gate, "capability") || !runs(opts, gateways.Gate, "gateway") {
		return nil, nil
	}
	p.platform = &capabilities.Platform{Cluster: opts.Webhook == WebhookService}
	address := "127.0.0.1:0"
	if p.platform.Cluster {
		address = ":" + strconv.Itoa(capabilities.Port)
	}
	if p.platform.Listener, err = health.Listen("the HTTP API", address); err != nil {
		return nil, err
	}
	p.closers = append(p.closers, p.platform.Listener.Close)
	if p.platform.Cluster {
		return nil, nil
	}
	at, err := netip.ParseAddrPort(p.platform.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	namespace, name := capabilities.Service()
	return map[translate.Key][]gateway.Endpoint{{Namespace: namespace, Name: name}: {{Address: at}}}, nil
}

// servesPlatform says whether an installation has claims over HTTP.
func servesPlatform(gates map[string]bool) bool {
	return gates[gateways.Gate] && gates[capabilities.Gate]
}

// platformObjects lead from gateways to the HTTP API.
func platformObjects(opts InstallOptions) []client.Object {
	switch {
	case !servesPlatform(opts.FeatureGates):
		return nil
	case opts.Webhook == WebhookService:
		return capabilities.Behind(ServerName)
	default:
		return capabilities.Behind("")
	}
}

// platformEntry is the platform's own Gateway.
func platformEntry(opts InstallOptions) []client.Object {
	if !servesPlatform(opts.FeatureGates) {
		return nil
	}
	return capabilities.Entry(opts.Webhook == WebhookService)
}
