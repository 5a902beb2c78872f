package operator

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// instruments are what the domain counts beside the runner's own metrics.
type instruments struct {
	repaired  *prometheus.CounterVec
	onboarded prometheus.Histogram
}

// measured registers the instruments on first use: a metric's name belongs to
// the process, however many domains it has.
var measured = sync.OnceValue(func() instruments {
	made := instruments{
		repaired: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roadbed_tenancy_repaired_objects_total",
			Help: "Generated objects that somebody else had changed or deleted and that were restored, by kind.",
		}, []string{"kind"}),
		onboarded: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "roadbed_tenancy_onboarding_seconds",
			Help:    "From a Tenant's creation until all its namespaces are isolated for the first time.",
			Buckets: prometheus.ExponentialBuckets(0.125, 2, 12),
		}),
	}
	metrics.Registry.MustRegister(made.repaired, made.onboarded)
	return made
})
