package gateways_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	capabilityv1alpha1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/observe"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// platformQueries are an objective over the whole gateway, as Sloth's users write it
// for Envoy.
const platformQueries = `
	sum(rate(envoy_http_downstream_rq_xx{
	  envoy_response_code_class!~"2|3",
	  envoy_cluster_name="platform-gateway"
	}[{{.window}}]))
	sum(rate(envoy_http_downstream_rq_xx{
	  envoy_cluster_name="platform-gateway"
	}[{{.window}}]))`

// TestObjectivesSelectRealSeries serves a Capability's route, and holds its
// objectives, and those over the gateway, against the series that came of it.
func TestObjectivesSelectRealSeries(t *testing.T) {
	t.Parallel()
	planned, err := capability.Plan(databases(), capability.Settings{
		Namespace: "platform-gateway", Gateway: "public", GatewayNamespace: "platform-gateway",
	}, capability.World{Gateway: true, Sloth: true})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	serve(t, registry, planned.Routes)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	slos, _, err := unstructured.NestedSlice(planned.Objectives.Object, "spec", "slos")
	if err != nil || len(slos) != 1 {
		t.Fatalf("%d objectives: %v", len(slos), err)
	}
	events := slos[0].(map[string]any)["sli"].(map[string]any)["events"].(map[string]any)
	for query, want := range map[string]float64{
		events["errorQuery"].(string):                     2,
		events["totalQuery"].(string):                     2,
		strings.SplitAfterN(platformQueries, "]))", 2)[0]: 3,
		strings.SplitAfterN(platformQueries, "]))", 2)[1]: 3,
	} {
		if got := selected(t, families, query); got != want {
			t.Errorf("%s selects %v answers, want %v", query, got, want)
		}
	}
}

func databases() *capabilityv1alpha1.Capability {
	return &capabilityv1alpha1.Capability{
		ObjectMeta: metav1.ObjectMeta{Name: "database"},
		Spec: capabilityv1alpha1.CapabilitySpec{
			Names:    capabilityv1alpha1.ClaimNames{Kind: "Database", Plural: "databases"},
			SLOs:     []capabilityv1alpha1.CapabilitySLO{{Name: "availability", Objective: "99.9"}},
			Versions: []capabilityv1alpha1.CapabilityVersion{{Name: "v1", Stage: capabilityv1alpha1.StageGA, Storage: true}},
		},
	}
}

// serve answers two requests for the Capability, with 503 for want of an authorizer,
// and one for nothing.
func serve(t *testing.T, registry *prometheus.Registry, routes []client.Object) {
	t.Helper()
	metrics, err := observe.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	world, all := translate.NewWorld(), gatewayv1.NamespacesFromAll
	world.Set(&gatewayv1.GatewayClass{
		ObjectMeta: metav1.ObjectMeta{Name: "roadbed"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: translate.Controller},
	})
	world.Set(&gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "platform-gateway", Name: "public"},
		Spec: gatewayv1.GatewaySpec{GatewayClassName: "roadbed", Listeners: []gatewayv1.Listener{{
			Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType,
			AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &all}},
		}}},
	})
	for _, object := range routes {
		world.Set(object)
	}
	address := netip.MustParseAddrPort("127.0.0.1:80")
	config := translate.New(translate.Settings{Addresses: []translate.Address{{Bind: address.Addr()}}}, world).Translate(time.Now()).Config
	transport := upstream.New(upstream.Options{})
	t.Cleanup(transport.Close)
	p := proxy.New(transport, proxy.WithObserver(&observe.Observer{Metrics: metrics}))
	t.Cleanup(p.Close)
	if err := p.Apply(config); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/databases", "/v1/databases/orders", "/v1/nothing"} {
		p.Handler(address).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	}
}

// selector takes a query apart: the metric, its matchers, and each of these.
var (
	selector = regexp.MustCompile(`rate\((\w+)\{([^}]*)\}\[`)
	matcher  = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"([^"]*)"`)
)

// selected sums the counters that a query's selector matches, as Prometheus does: a
// label that a series lacks is empty.
func selected(t *testing.T, families []*dto.MetricFamily, query string) (sum float64) {
	t.Helper()
	parts := selector.FindStringSubmatch(query)
	if parts == nil {
		t.Fatalf("no selector in %s", query)
	}
	for _, family := range families {
		if family.GetName() != parts[1] {
			continue
		}
		for _, series := range family.GetMetric() {
			if matches(series, parts[2]) {
				sum += series.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func matches(series *dto.Metric, matchers string) bool {
	labels := map[string]string{}
	for _, pair := range series.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	for _, parts := range matcher.FindAllStringSubmatch(matchers, -1) {
		value, operator, operand := labels[parts[1]], parts[2], parts[3]
		if strings.HasSuffix(operator, "~") {
			operand = "(?:" + operand + ")"
		} else {
			operand = regexp.QuoteMeta(operand)
		}
		if regexp.MustCompile("^"+operand+"$").MatchString(value) == strings.HasPrefix(operator, "!") {
			return false
		}
	}
	return true
}
