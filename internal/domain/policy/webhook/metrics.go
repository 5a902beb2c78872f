package webhook

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// maxSeries bounds the policies and the tenants that have series of their own;
// further ones count as other.
const maxSeries = 1000

// other stands for everything beyond maxSeries.
const other = "(other)"

// Metrics count decisions.
type Metrics struct {
	duration *prometheus.HistogramVec
	byPolicy *prometheus.CounterVec
	byTenant *prometheus.CounterVec
	policies bounded
	tenants  bounded
}

// bounded lets so many names through.
type bounded struct {
	mu    sync.Mutex
	known map[string]bool // guarded by mu
}

func (b *bounded) name(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known[name] {
		return name
	}
	if len(b.known) >= maxSeries {
		return other
	}
	if b.known == nil {
		b.known = map[string]bool{}
	}
	b.known[name] = true
	return name
}

// NewMetrics registers the metrics of policy decisions:
//
//	roadbed_policy_decision_duration_seconds{verb,class}: a histogram whose
//	  buckets include 0.2, so that "p99 < 200 ms" can be an objective
//	roadbed_policy_decisions_total{policy,tier,status}
//	roadbed_policy_tenant_decisions_total{tenant,tier,status}
//
// They count what the webhooks decide; native decisions are counted by the API
// server (apiserver_validating_admission_policy_check_total).
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "roadbed_policy_decision_duration_seconds",
			Help:    "Time from a request's arrival to its answer.",
			Buckets: []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10},
		}, []string{"verb", "class"}),
		byPolicy: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roadbed_policy_decisions_total", Help: "Results of policies at admission.",
		}, []string{"policy", "tier", "status"}),
		byTenant: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roadbed_policy_tenant_decisions_total", Help: "Results of policies at admission, by tenant.",
		}, []string{"tenant", "tier", "status"}),
	}
	for _, collector := range []prometheus.Collector{m.duration, m.byPolicy, m.byTenant} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) decided(verb string, class Class, tenant string, results []policy.Result, took time.Duration) {
	m.duration.WithLabelValues(verb, string(class)).Observe(took.Seconds())
	for _, result := range results {
		tier, status := string(result.Tier), string(result.Status)
		m.byPolicy.WithLabelValues(m.policies.name(result.Policy), tier, status).Inc()
		m.byTenant.WithLabelValues(m.tenants.name(tenant), tier, status).Inc()
	}
}
