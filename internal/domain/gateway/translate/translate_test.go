package translate

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

const articleRoute = "../../../../examples/gateway/route.yaml"

const class = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: roadbed}
spec: {controllerName: gateway.roadbed.dev/controller}
---
`

const plain = class + `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: roadbed
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: apps}
spec: {ports: [{name: web, port: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-1, namespace: apps, labels: {kubernetes.io/service-name: shop}}
addressType: IPv4
ports: [{name: web, port: 3000}]
endpoints:
- {addresses: [10.0.0.2], conditions: {ready: true}}
- {addresses: [10.0.0.1], conditions: {ready: true}}
- {addresses: [10.0.0.3], conditions: {ready: false}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: apps}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [shop.example.com]
  rules: [{backendRefs: [{name: shop, port: 8080}]}]
`

func check(t *testing.T, conds []metav1.Condition, kind, status, reason string) {
	t.Helper()
	c := condition.Get(conds, kind)
	if c == nil || string(c.Status) != status || c.Reason != reason {
		t.Errorf("condition %s is %+v, want %s %s", kind, c, status, reason)
	}
}

func TestPlainRouteIsServed(t *testing.T) {
	t.Parallel()
	b := newBench(t, plain)
	first := b.translate()
	g := find[*gatewayv1.Gateway](b, first, "public")
	check(t, g.Status.Conditions, "Accepted", "True", "Accepted")
	check(t, g.Status.Conditions, "Programmed", "True", "Programmed")
	if len(g.Status.Addresses) != 1 || g.Status.Addresses[0].Value != "127.0.0.1" || g.Status.Listeners[0].AttachedRoutes != 1 {
		t.Errorf("status is %+v", g.Status)
	}
	route := find[*gatewayv1.HTTPRoute](b, first, "shop")
	check(t, route.Status.Parents[0].Conditions, "Accepted", "True", "Accepted")
	check(t, route.Status.Parents[0].Conditions, "ResolvedRefs", "True", "ResolvedRefs")
	settled := b.settle()
	if settled.Config != first.Config {
		t.Error("statuses made another Config")
	}
	backend := settled.Config.Backends["apps/shop:8080"]
	if backend == nil || len(backend.Endpoints) != 2 || backend.Endpoints[0].Address.String() != "10.0.0.1:3000" {
		t.Errorf("backend is %+v", backend)
	}
}

func TestMissingGrantIsPrinted(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.Replace(plain, "{name: shop, port: 8080}", "{name: shop, namespace: other, port: 8080}", 1))
	route := find[*gatewayv1.HTTPRoute](b, b.translate(), "shop")
	check(t, route.Status.Parents[0].Conditions, "Accepted", "True", "Accepted")
	check(t, route.Status.Parents[0].Conditions, "ResolvedRefs", "False", "RefNotPermitted")
	message := condition.Get(route.Status.Parents[0].Conditions, "ResolvedRefs").Message
	_, grant, _ := strings.Cut(message, "with:\n")
	b.put(grant + "---\n" + `
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: other}
spec: {ports: [{port: 8080}]}
`)
	route = find[*gatewayv1.HTTPRoute](b, b.translate(), "shop")
	check(t, route.Status.Parents[0].Conditions, "ResolvedRefs", "True", "ResolvedRefs")
}

func TestArticleRoute(t *testing.T) {
	t.Parallel()
	b := newBench(t, class+read(t, articleRoute))
	result := b.translate()
	route := find[*gatewayv1.HTTPRoute](b, result, "db-provisioning-v1")
	check(t, route.Status.Parents[0].Conditions, "Accepted", "True", "Accepted")
	check(t, route.Status.Parents[0].Conditions, "ResolvedRefs", "True", "ResolvedRefs")
	if port := result.Config.Listeners[0].Port; port == 8080 {
		t.Error("the example wants port 8080, which the platform's own Gateway has on a laptop, for 80")
	}
	rule := result.Config.Listeners[0].Routes[0].Rules[0]
	if len(rule.Filters.Authorization) != 1 || len(rule.Filters.RateLimits) != 1 || rule.Reject != 0 {
		t.Errorf("rule is %+v", rule)
	}
	if limit := result.Config.RateLimits[rule.Filters.RateLimits[0]]; limit.Requests != 100 || limit.Unit != time.Minute {
		t.Errorf("limit is %+v", limit)
	}
	if a := result.Config.Authorizations[rule.Filters.Authorization[0]]; !a.Issuers[0].Cluster || a.Issuers[0].Audiences[0] != ClusterAudience {
		t.Errorf("authorization is %+v", a)
	}
}

func TestMissingPolicyIsNoOpenDoor(t *testing.T) {
	t.Parallel()
	filter := "filters: [{type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: AuthorizationPolicy, name: none}}], backendRefs"
	b := newBench(t, strings.Replace(plain, "{backendRefs", "{"+filter, 1))
	result := b.translate()
	route := find[*gatewayv1.HTTPRoute](b, result, "shop")
	check(t, route.Status.Parents[0].Conditions, "ResolvedRefs", "False", ReasonFilterNotFound)
	if rule := result.Config.Listeners[0].Routes[0].Rules[0]; rule.Reject != 500 {
		t.Errorf("rule is %+v", rule)
	}
}

func TestOneChangeAmongMany(t *testing.T) {
	t.Parallel()
	b := crowd(t, 500)
	before := b.settle()
	b.put(routeNumber(7, "changed"))
	after := b.translate()
	if after.Config == before.Config {
		t.Fatal("the change is lost")
	}
	same := 0
	known := map[any]bool{}
	for _, route := range before.Config.Listeners[0].Routes {
		known[route] = true
	}
	for _, route := range after.Config.Listeners[0].Routes {
		if known[route] {
			same++
		}
	}
	if same != 499 {
		t.Errorf("%d of 500 routes are as they were, want 499", same)
	}
}

// crowd is a World with many routes, each with a Service.
func crowd(t testing.TB, count int) *bench {
	b := newBench(t, plain)
	for i := range count - 1 {
		b.put(routeNumber(i, "first") + fmt.Sprintf(`
---
apiVersion: v1
kind: Service
metadata: {name: s%d, namespace: apps}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s%d-1, namespace: apps, labels: {kubernetes.io/service-name: s%d}}
addressType: IPv4
ports: [{name: "", port: 3000}]
endpoints: [{addresses: [10.0.0.2]}]
`, i, i, i))
	}
	return b
}

func routeNumber(i int, value string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r%d, namespace: apps}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [h%d.example.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /v1}, headers: [{name: x, value: "%s"}]}]
    backendRefs: [{name: s%d, port: 80}]
`, i, i, value, i)
}

// BenchmarkOneChange measures the change of a route among 5,000.
func BenchmarkOneChange(b *testing.B) {
	world := crowd(b, 5000)
	world.settle()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		world.put(routeNumber(7, strconv.Itoa(i)))
		b.StartTimer()
		world.translate()
	}
}

// TestOwnEndpoints: what the process serves itself is asked on this machine,
// whatever the cluster says of the Service's endpoints and certificates.
func TestOwnEndpoints(t *testing.T) {
	t.Parallel()
	b := newBench(t, plain+`
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: shop, namespace: apps}
spec:
  targetRefs: [{group: "", kind: Service, name: shop}]
  validation: {hostname: shop.apps.svc, wellKnownCACertificates: System}
`)
	here := netip.MustParseAddrPort("127.0.0.1:4567")
	settings := b.tr.settings
	settings.Own = map[Key][]gateway.Endpoint{{Namespace: "apps", Name: "shop"}: {{Address: here}}}
	b.tr.SetSettings(settings)
	backend := b.settle().Config.Backends["apps/shop:8080"]
	if backend == nil || len(backend.Endpoints) != 1 || backend.Endpoints[0].Address != here || backend.TLS != nil {
		t.Errorf("backend is %+v", backend)
	}
}
