package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/observe"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

var start = time.Date(2026, 1, 1, 12, 0, 0, 250e6, time.UTC)

var (
	listener  = &gateway.Listener{Name: "platform-gateway/public/http", Gateway: "platform-gateway/public", Cluster: "platform-gateway"}
	route     = &gateway.Route{Namespace: "platform-gateway", Name: "db-provisioning-v1"}
	backend   = &gateway.Backend{ID: "platform-data/database-provisioner-svc:8080"}
	lifecycle = &gateway.Lifecycle{API: "databases", Version: "v1"}
	payments  = &gateway.Identity{Tenant: "payments", BusinessUnit: "retail", Client: "api", Subject: "system:serviceaccount:tenant-payments:api"}
)

// answered is an exchange that went well, unless changed.
func answered(change ...func(*exchange.Exchange)) *exchange.Exchange {
	x := &exchange.Exchange{
		Request: &http1.Request{
			Remote: netip.MustParseAddrPort("127.0.0.1:50000"),
			Header: http1.Header{{Name: "User-Agent", Value: `curl/8 "quoted"`}, {Name: "Authorization", Value: "Bearer secret"}},
		},
		Start: start, Method: "GET", Host: "api.platform.corp.com", Path: "/v1/databases", Listener: listener, Route: route,
		Lifecycle: lifecycle, Identity: payments, Backend: backend, Endpoint: netip.MustParseAddrPort("10.0.0.1:8080"),
		RequestID: "id-1", Status: 200, Attempts: 1, BytesOut: 42, Upstream: 1500 * time.Microsecond, Duration: 2250 * time.Microsecond,
	}
	for _, c := range change {
		c(x)
	}
	return x
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := observe.NewAccessLog(&out, clocktesting.NewFakeClock(start))
	for _, x := range []*exchange.Exchange{
		answered(),
		answered(func(x *exchange.Exchange) { x.Attempts, x.BytesIn, x.TraceParent = 3, 7, "00-a-b-01" }),
		{Start: start, Method: "GET", Host: "x", Path: "/\x01\u2028\xff\\", Status: 404, Flag: exchange.FlagNoRoute, Reason: "nothing matches", Listener: listener},
		{Start: start, Status: 400},
	} {
		log.Done(x)
	}
	log.Flush()
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if strings.Contains(out.String(), "secret") {
		t.Error("the log has a secret")
	}
	golden.Check(t, filepath.Join("testdata", "access.jsonl"), out.Bytes())
}

// A writer that fails costs the lines, not the gateway.
type broken struct{ err error }

func (b *broken) Write(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return len(p), nil
}

func TestAccessLogNeverBlocks(t *testing.T) {
	t.Parallel()
	to := &broken{err: errors.New("the disk is full")}
	log := observe.NewAccessLog(to, clocktesting.NewFakeClock(start))
	log.Done(answered())
	log.Flush()
	if log.Dropped() != 1 {
		t.Errorf("%d lines dropped of 1", log.Dropped())
	}
	to.err = nil
	const many = 60_000 // more than there is room for
	for range many {
		log.Done(answered())
	}
	full := log.Dropped()
	if full <= 1 || full >= many {
		t.Errorf("%d lines dropped of %d that did not fit", full, many)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	log.Run(ctx)
	log.Done(answered())
	log.Flush()
	if log.Dropped() != full {
		t.Error("lines are dropped though there is room again")
	}
}

// The objective that the platform's gateway has selects these series.
func TestMetricsAreEnvoys(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := observe.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	o := &observe.Observer{Metrics: metrics}
	for _, status := range []int{200, 201, 301, 404, 429, 503, 999, 0} {
		x := answered(func(x *exchange.Exchange) { x.Status = status })
		if status == 429 {
			x.Flag, x.Attempts, x.Backend = exchange.FlagRateLimited, 0, nil
		}
		if status == 503 {
			x.Flag, x.Attempts = exchange.FlagTimeout, 3
		}
		o.Start(x)
		o.Done(x)
	}
	families := gather(t, registry)
	selected := func(name string, match map[string]string) (sum float64) {
		for _, metric := range families[name].GetMetric() {
			if matches(metric, match) {
				sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
		return sum
	}
	for _, row := range []struct {
		name  string
		match map[string]string
		want  float64
	}{
		{"envoy_http_downstream_rq_xx", map[string]string{"envoy_cluster_name": "platform-gateway"}, 8},
		{"envoy_http_downstream_rq_xx", map[string]string{"envoy_cluster_name": "platform-gateway", "envoy_response_code_class": "2|3"}, 3},
		{"envoy_http_downstream_rq_total", map[string]string{"gateway": "platform-gateway/public"}, 8},
		{"envoy_http_downstream_rq_active", nil, 0},
		{"envoy_http_downstream_rq_time", nil, 8},
		{"envoy_cluster_upstream_rq_xx", map[string]string{"envoy_cluster_name": backend.ID}, 7},
		{"envoy_cluster_upstream_rq_retry", nil, 2},
		{"envoy_cluster_upstream_rq_timeout", nil, 1},
		{"roadbed_gateway_tenant_requests_total", map[string]string{"tenant": "payments"}, 8},
		{"roadbed_gateway_local_replies_total", map[string]string{"flag": "RL"}, 1},
	} {
		if got := selected(row.name, row.match); got != row.want {
			t.Errorf("%s%v: %v, want %v", row.name, row.match, got, row.want)
		}
	}
}

func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := observe.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	o := &observe.Observer{Metrics: metrics}
	const many = 5000
	for i := range many {
		o.Done(answered(func(x *exchange.Exchange) {
			x.Backend = &gateway.Backend{ID: fmt.Sprint("backend-", i)}
			x.Identity = &gateway.Identity{Tenant: fmt.Sprint("tenant-", i)}
		}))
	}
	var series int
	var counted float64
	for name, family := range gather(t, registry) {
		series += len(family.GetMetric())
		if name != "envoy_cluster_upstream_rq_xx" {
			continue
		}
		for _, metric := range family.GetMetric() {
			counted += metric.GetCounter().GetValue()
		}
	}
	if series > 20_000 {
		t.Errorf("%d series", series)
	}
	if counted != many {
		t.Errorf("%v answers counted of %d", counted, many)
	}
}

func gather(t *testing.T, registry *prometheus.Registry) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, family := range families {
		byName[family.GetName()] = family
	}
	return byName
}

// matches says whether a metric's labels match anchored regular expressions.
func matches(metric *dto.Metric, match map[string]string) bool {
	for name, pattern := range match {
		var value string
		for _, pair := range metric.GetLabel() {
			if pair.GetName() == name {
				value = pair.GetValue()
			}
		}
		if !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(value) {
			return false
		}
	}
	return true
}

func TestTraces(t *testing.T) {
	t.Parallel()
	const (
		asked   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		unasked = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	)
	for _, row := range []struct {
		name, origin string
		ratio        float64
		want         bool
	}{
		{"the caller's trace is sampled", asked, 0, true},
		{"the caller's trace is not", unasked, 1, false},
		{"one that begins here", "", 1, true},
		{"one that begins here and is not drawn", "", 0, false},
		{"nonsense begins a trace", "00-zz-b7-01", 1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			exporter := &keeper{tracetest.NewInMemoryExporter()}
			tracer := observe.NewTracer(exporter, row.ratio, [32]byte{1})
			o := &observe.Observer{Tracer: tracer}
			x := answered(func(x *exchange.Exchange) {
				x.Request.Header = append(x.Request.Header, http1.Field{Name: "traceparent", Value: row.origin})
			})
			o.Start(x)
			promised := x.TraceParent
			x.Request.Header = nil // The proxy has changed it meanwhile.
			o.Done(x)
			if err := tracer.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(t, exporter, row.want, row.origin == asked, promised)
		})
	}
}

// keeper keeps its spans when it is shut down.
type keeper struct{ *tracetest.InMemoryExporter }

func (*keeper) Shutdown(context.Context) error { return nil }

func check(t *testing.T, exporter *keeper, want, child bool, promised string) {
	t.Helper()
	spans := exporter.GetSpans()
	if !want {
		if len(spans) != 0 || promised != "" {
			t.Errorf("%d spans, and the backend is told %q", len(spans), promised)
		}
		return
	}
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	span := spans[0]
	if got := "00-" + span.SpanContext.TraceID().String() + "-" + span.SpanContext.SpanID().String() + "-01"; got != promised {
		t.Errorf("the span is %s, the backend was told %s", got, promised)
	}
	if got := span.Parent.SpanID().String(); child && got != "b7ad6b7169203331" {
		t.Errorf("the span's parent is %s", got)
	}
	if span.Parent.IsValid() != child {
		t.Errorf("the span has a parent: %v", span.Parent.IsValid())
	}
	if diff := cmp.Diff([]any{"GET platform-gateway/db-provisioning-v1", start, start.Add(2250 * time.Microsecond)},
		[]any{span.Name, span.StartTime.UTC(), span.EndTime.UTC()}); diff != "" {
		t.Errorf("the span (-want +got):\n%s", diff)
	}
}

func BenchmarkDone(b *testing.B) {
	metrics, err := observe.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	log := observe.NewAccessLog(&broken{}, clocktesting.NewFakeClock(start))
	o := &observe.Observer{Metrics: metrics, Log: log}
	x := answered()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		o.Start(x)
		o.Done(x)
		if n++; n%100 == 0 {
			log.Flush()
		}
	}
}
