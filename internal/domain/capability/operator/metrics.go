package operator

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// instruments are what the domain counts beside the runner's own metrics.
type instruments struct{ claims, consumers *prometheus.GaugeVec }

// measured registers the instruments on first use: a metric's name belongs to
// the process, however many domains it has.
var measured = sync.OnceValue(func() instruments {
	labels := []string{"capability", "version", "stage"}
	made := instruments{
		claims: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "roadbed_capability_claims", Help: "Claims of a capability's version, and the stage the version is in.",
		}, labels),
		consumers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "roadbed_capability_consumers", Help: "Who used a capability's version in the last 90 days through the gateway.",
		}, labels),
	}
	metrics.Registry.MustRegister(made.claims, made.consumers)
	return made
})

// record sets the gauges of a Capability.
func (i instruments) record(c *v1alpha1.Capability) {
	i.claims.DeletePartialMatch(prometheus.Labels{"capability": c.Name})
	i.consumers.DeletePartialMatch(prometheus.Labels{"capability": c.Name})
	for _, status := range c.Status.Versions {
		values := []string{c.Name, status.Name, string(status.Stage)}
		i.claims.WithLabelValues(values...).Set(float64(status.Claims))
		i.consumers.WithLabelValues(values...).Set(float64(status.Consumers))
	}
}
