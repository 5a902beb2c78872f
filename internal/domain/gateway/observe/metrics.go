package observe

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

const (
	// maxNames bounds the backends and the tenants that have series of their own;
	// further ones count as other.
	maxNames = 2000
	other    = "(other)"
	// classes are the classes of status codes, 1xx to 5xx; 0 is none of them.
	classes = 6
)

// Metrics are a gateway's metrics. Their names and labels are Envoy's, so that
// dashboards and objectives written for it find them:
//
//	envoy_http_downstream_rq_total{envoy_cluster_name,gateway}
//	envoy_http_downstream_rq_xx{envoy_cluster_name,gateway,roadbed_api,envoy_response_code_class}
//	envoy_http_downstream_rq_active{envoy_cluster_name,gateway}
//	envoy_http_downstream_rq_time{envoy_cluster_name,gateway}: milliseconds
//	envoy_cluster_upstream_rq_xx{envoy_cluster_name,envoy_response_code_class}
//	envoy_cluster_upstream_rq_retry{envoy_cluster_name}
//	envoy_cluster_upstream_rq_timeout{envoy_cluster_name}
//	roadbed_gateway_tenant_requests_total{tenant,envoy_response_code_class}
//	roadbed_gateway_local_replies_total{flag}
//
// Downstream, the cluster's name is the namespace of the Gateway; upstream, it
// is the backend's. The API is the one that the route's LifecyclePolicy names, or
// empty.
type Metrics struct {
	total, xx, upstreamXX, retries, timeouts, tenantRequests, local *prometheus.CounterVec

	active *prometheus.GaugeVec
	time   *prometheus.HistogramVec

	gateways table[gatewayKey, *gatewayMetrics]
	apis     table[apiKey, *classCounters]
	backends table[string, *backendMetrics]
	tenants  table[string, *classCounters]
	flags    table[exchange.Flag, prometheus.Counter]
}

// timeBuckets are Envoy's, in milliseconds.
var timeBuckets = []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	const cluster, class = "envoy_cluster_name", "envoy_response_code_class"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		total:      counter("envoy_http_downstream_rq_total", "Requests.", cluster, "gateway"),
		xx:         counter("envoy_http_downstream_rq_xx", "Answers by class of status code.", cluster, "gateway", "roadbed_api", class),
		upstreamXX: counter("envoy_cluster_upstream_rq_xx", "Backends' answers by class of status code.", cluster, class),
		retries:    counter("envoy_cluster_upstream_rq_retry", "Further attempts.", cluster),
		timeouts:   counter("envoy_cluster_upstream_rq_timeout", "Requests that a backend did not answer in time.", cluster),
		tenantRequests: counter("roadbed_gateway_tenant_requests_total",
			"Answers to tenants' requests by class of status code.", "tenant", class),
		local: counter("roadbed_gateway_local_replies_total", "Answers of the gateway itself by Envoy's response flag.", "flag"),
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "envoy_http_downstream_rq_active", Help: "Requests that are being answered.",
		}, []string{cluster, "gateway"}),
		time: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "envoy_http_downstream_rq_time", Help: "Time from a request's first byte to its answer's last, in milliseconds.", Buckets: timeBuckets,
		}, []string{cluster, "gateway"}),
	}
	m.gateways.add, m.apis.add, m.backends.add = m.newGateway, m.newAPI, m.newBackend
	m.tenants.add, m.flags.add = m.newTenant, func(flag exchange.Flag) prometheus.Counter { return m.local.WithLabelValues(string(flag)) }
	for _, collector := range []prometheus.Collector{
		m.total, m.xx, m.upstreamXX, m.retries, m.timeouts, m.tenantRequests, m.local, m.active, m.time,
	} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

type gatewayKey struct{ cluster, gateway string }

type gatewayMetrics struct {
	total  prometheus.Counter
	active prometheus.Gauge
	time   prometheus.Observer
}

// apiKey is an API, or none, at a Gateway.
type apiKey struct {
	gatewayKey
	api string
}

type backendMetrics struct {
	xx                classCounters
	retries, timeouts prometheus.Counter
}

// classCounters are counters by class, made when they are first needed so that
// classes that never happen have no series.
type classCounters struct {
	make func(class string) prometheus.Counter
	made [classes]atomic.Pointer[prometheus.Counter]
}

var classNames = [classes]string{"0", "1", "2", "3", "4", "5"}

func (c *classCounters) count(status int) {
	class := status / 100
	if class < 0 || class >= classes {
		class = 0
	}
	counter := c.made[class].Load()
	if counter == nil {
		made := c.make(classNames[class])
		counter = &made
		c.made[class].Store(counter)
	}
	(*counter).Inc()
}

func (m *Metrics) newGateway(k gatewayKey) *gatewayMetrics {
	return &gatewayMetrics{
		total: m.total.WithLabelValues(k.cluster, k.gateway), active: m.active.WithLabelValues(k.cluster, k.gateway),
		time: m.time.WithLabelValues(k.cluster, k.gateway),
	}
}

func (m *Metrics) newAPI(k apiKey) *classCounters {
	return &classCounters{make: func(class string) prometheus.Counter {
		return m.xx.WithLabelValues(k.cluster, k.gateway, k.api, class)
	}}
}

func (m *Metrics) newBackend(id string) *backendMetrics {
	return &backendMetrics{
		retries: m.retries.WithLabelValues(id), timeouts: m.timeouts.WithLabelValues(id),
		xx: classCounters{make: func(class string) prometheus.Counter { return m.upstreamXX.WithLabelValues(id, class) }},
	}
}

func (m *Metrics) newTenant(name string) *classCounters {
	return &classCounters{make: func(class string) prometheus.Counter { return m.tenantRequests.WithLabelValues(name, class) }}
}

func (m *Metrics) of(listener *gateway.Listener) *gatewayMetrics {
	return m.gateways.get(gatewayKey{listener.Cluster, listener.Gateway}, gatewayKey{other, other})
}

// api are the answers of the API that the request is for.
func (m *Metrics) api(x *exchange.Exchange) *classCounters {
	key := apiKey{gatewayKey: gatewayKey{x.Listener.Cluster, x.Listener.Gateway}}
	if x.Lifecycle != nil {
		key.api = x.Lifecycle.API
	}
	return m.apis.get(key, apiKey{gatewayKey{other, other}, other})
}

func (m *Metrics) start(x *exchange.Exchange) {
	if x.Listener != nil {
		m.of(x.Listener).active.Inc()
	}
}

func (m *Metrics) done(x *exchange.Exchange) {
	if x.Listener != nil {
		of := m.of(x.Listener)
		of.active.Dec()
		of.total.Inc()
		m.api(x).count(x.Status)
		of.time.Observe(float64(x.Duration.Microseconds()) / 1000)
	}
	if x.Backend != nil && x.Attempts > 0 {
		m.backend(x)
	}
	if tenant := x.Tenant(); tenant != "" {
		m.tenants.get(tenant, other).count(x.Status)
	}
	if x.Flag != exchange.FlagNone {
		m.flags.get(x.Flag, other).Inc()
	}
}

func (m *Metrics) backend(x *exchange.Exchange) {
	of := m.backends.get(x.Backend.ID, other)
	of.xx.count(x.Status)
	if x.Attempts > 1 {
		of.retries.Add(float64(x.Attempts - 1))
	}
	if x.Flag == exchange.FlagTimeout {
		of.timeouts.Inc()
	}
}

// table finds values without a lock; at most maxNames are kept.
type table[K comparable, V any] struct {
	add  func(K) V
	mu   sync.Mutex // taken by those who add
	rows atomic.Pointer[map[K]V]
}

// get returns the value of a key, or of overflow where there are too many.
func (t *table[K, V]) get(key, overflow K) V {
	if rows := t.rows.Load(); rows != nil {
		if value, ok := (*rows)[key]; ok {
			return value
		}
	}
	return t.slow(key, overflow)
}

func (t *table[K, V]) slow(key, overflow K) V {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := map[K]V{}
	if old := t.rows.Load(); old != nil {
		if value, ok := (*old)[key]; ok {
			return value
		}
		if value, ok := (*old)[overflow]; ok && len(*old) >= maxNames {
			return value
		}
		rows = maps.Clone(*old)
	}
	if len(rows) >= maxNames {
		key = overflow
	}
	value := t.add(key)
	rows[key] = value
	t.rows.Store(&rows)
	return value
}
