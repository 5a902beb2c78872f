package dataplane

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// broken is a route of whose rules none can be served. DEAD is a port on which nobody
// listens.
const broken = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: roadbed}
spec: {controllerName: gateway.roadbed.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: apis}
spec:
  gatewayClassName: roadbed
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: broken, namespace: apis}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: /granted-to-nobody}}]
    backendRefs: [{name: inner, namespace: vault, port: 80}]
  - matches: [{path: {value: /unknown-service}}]
    backendRefs: [{name: inner-gone, port: 80}]
  - matches: [{path: {value: /unknown-kind}}]
    backendRefs: [{group: inner.example, kind: Inner, name: inner, port: 80}]
  - matches: [{path: {value: /unknown-policy}}]
    filters: [{type: ExtensionRef, extensionRef: {group: gateway.roadbed.dev, kind: RateLimitPolicy, name: inner-limit}}]
    backendRefs: [{name: inner-empty, port: 80}]
  - matches: [{path: {value: /no-endpoint}}]
    backendRefs: [{name: inner-empty, port: 80}]
  - matches: [{path: {value: /dead-endpoint}}]
    backendRefs: [{name: inner-dead, port: 80}]
  - matches: [{path: {value: /no-backend}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: invalid, namespace: apis}
spec:
  parentRefs: [{name: gw, sectionName: nowhere}]
  rules:
  - matches: [{path: {value: /not-attached}}]
    backendRefs: [{name: inner-dead, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: inner, namespace: vault}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: inner-empty, namespace: apis}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: inner-dead, namespace: apis}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: inner-dead-1, namespace: apis, labels: {kubernetes.io/service-name: inner-dead}}
addressType: IPv4
ports: [{name: http, port: DEAD}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
`

// TestBrokenRoutes answers for what a cluster says that cannot be done: with the right
// status, and without a word of what is wrong with what.
func TestBrokenRoutes(t *testing.T) {
	t.Parallel()
	world := brokenWorld(t)
	result := translate.New(translate.Settings{Addresses: []translate.Address{{Bind: socket.Addr()}}}, world).Translate(time.Now())
	fronts(t, func(t *testing.T, own bool) {
		p := open(t, config(nil), options{own: own})
		if err := p.proxy.Apply(result.Config); err != nil && !strings.Contains(err.Error(), "inner-limit") {
			t.Fatal(err)
		}
		for path, want := range map[string]int{
			"/granted-to-nobody": http.StatusInternalServerError,
			"/unknown-service":   http.StatusInternalServerError,
			"/unknown-kind":      http.StatusInternalServerError,
			"/unknown-policy":    http.StatusInternalServerError,
			"/no-backend":        http.StatusInternalServerError,
			"/no-endpoint":       http.StatusServiceUnavailable,
			"/dead-endpoint":     http.StatusServiceUnavailable,
			"/not-attached":      http.StatusNotFound,
			"/":                  http.StatusNotFound,
			"/%2e%2e%2f":         http.StatusBadRequest,
			"/a%00b":             http.StatusBadRequest,
		} {
			got, err := p.get(client(t), path)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if got.status != want || got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s, want %d", path, got.status, got.body, want)
			}
			for _, secret := range []string{"inner", "vault", "127.0.0.1", "grant", "dial", "refused", "apis/"} {
				if strings.Contains(got.body+strings.Join(values(got.header), " "), secret) {
					t.Errorf("%s: the answer tells of %q: %s", path, secret, got.body)
				}
			}
		}
	})
}

func brokenWorld(t *testing.T) *translate.World {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, discoveryv1.AddToScheme, gatewayv1.Install, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close() // nobody listens there from now on
	objects, err := apply.Decode(scheme, strings.Replace(broken, "DEAD", port, 1))
	if err != nil {
		t.Fatal(err)
	}
	world := translate.NewWorld()
	for _, object := range objects {
		object.SetGeneration(1)
		world.Set(object)
	}
	return world
}
