package estate

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// conflicts counts lost races for a business unit's reservations. It registers
// itself on first use: a metric's name belongs to the process.
var conflicts = sync.OnceValue(func() prometheus.Counter {
	made := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "roadbed_tenancy_reservation_conflicts_total",
		Help: "Compare-and-swap writes of reservations that another writer was faster than.",
	})
	metrics.Registry.MustRegister(made)
	return made
})
