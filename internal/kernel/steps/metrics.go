package steps

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// instruments are what every runner of the process reports to.
type instruments struct {
	duration *prometheus.HistogramVec
	results  *prometheus.CounterVec
}

// shared registers the instruments on first use: a metric's name belongs to
// the process, however many runners it has.
var shared = sync.OnceValue(func() instruments {
	made := instruments{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "roadbed_step_duration_seconds",
			Help:    "How long a step of a controller took, by controller and step.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"controller", "step"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roadbed_step_results_total",
			Help: "How steps of controllers ended, by controller, step and outcome.",
		}, []string{"controller", "step", "outcome"}),
	}
	metrics.Registry.MustRegister(made.duration, made.results)
	return made
})

func (i instruments) observe(controller, step string, outcome Outcome, took time.Duration) {
	i.duration.WithLabelValues(controller, step).Observe(took.Seconds())
	i.results.WithLabelValues(controller, step, string(outcome)).Inc()
}
