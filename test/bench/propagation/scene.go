package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	apihelpers "k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	capability "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/config"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/listen"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

const (
	namespace    = "apis"
	versionField = "X-Version"
)

// base is what routes need: a Gateway, and a Service whose pod has a made-up address.
const base = `
apiVersion: v1
kind: Namespace
metadata: {name: roadbed-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: apis}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: apis}
spec:
  gatewayClassName: roadbed
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: work, namespace: apis}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: work-1, namespace: apis, labels: {kubernetes.io/service-name: work}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.1.2.3], conditions: {ready: true}}]
`

func routeName(i int) string { return fmt.Sprintf("route-%d", i) }
func path(i int) string      { return fmt.Sprintf("/v1/api-%d", i) }

// rule is the only one of a route, as JSON.
func rule(i, version int) string {
	return fmt.Sprintf(`{"matches":[{"path":{"type":"PathPrefix","value":%q}}],"backendRefs":[{"name":"work","port":80}],
		"filters":[{"type":"ResponseHeaderModifier","responseHeaderModifier":{"set":[{"name":%q,"value":"%d"}]}}]}`, path(i), versionField, version)
}

// scene is a control plane, and a gateway that follows it.
type scene struct {
	dir     string
	plane   *standalone.Plane
	admin   client.Client
	scheme  *runtime.Scheme
	behind  *httptest.Server
	serving *serving
	address string
	routes  int // that were made
	calls   http.Transport
	cancel  context.CancelFunc
	ended   chan error
}

// serving is the data plane: what the operator's feed feeds.
type serving struct {
	transport *upstream.Transport
	proxy     *proxy.Proxy
	sockets   *listen.Sockets
}

// Apply serves by the Config.
func (s *serving) Apply(c *gateway.Config) error {
	s.transport.Update(c.Backends)
	return errors.Join(s.proxy.Apply(c), s.sockets.Apply(context.Background(), c))
}

// stage starts everything. What it has started is ended by close, also after an error.
func (c *scene) stage(ctx context.Context, s settings) error {
	c.scheme = runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(c.scheme), apiextensionsv1.AddToScheme(c.scheme), gatewayv1.Install(c.scheme), capability.AddToScheme(c.scheme))
	if err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "roadbed-bench-"); err != nil {
		return err
	}
	if c.plane, err = standalone.Start(ctx, standalone.Config{Binary: s.kube, DataDir: c.dir, Ephemeral: true}); err != nil {
		return err
	}
	admin := rest.CopyConfig(c.plane.AdminConfig())
	admin.QPS = -1
	if c.admin, err = client.New(admin, client.Options{Scheme: c.scheme}); err != nil {
		return err
	}
	if err := c.install(ctx); err != nil {
		return err
	}
	return c.serve(ctx)
}

// install makes the definitions, the gateway's rights and what routes need.
func (c *scene) install(ctx context.Context) error {
	objects := append([]client.Object{}, rbac.Objects()...)
	for _, files := range []fs.FS{config.CRDs, config.GatewayKinds} {
		err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(files, path)
			if err != nil {
				return err
			}
			some, err := apply.Decode(c.scheme, string(text))
			objects = append(objects, some...)
			return err
		})
		if err != nil {
			return err
		}
	}
	some, err := apply.Decode(c.scheme, base)
	if err != nil {
		return err
	}
	for _, object := range append(append(objects, some...), operator.Class()) {
		var failed error
		err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
			failed = client.IgnoreAlreadyExists(c.admin.Create(ctx, object))
			return failed == nil, nil
		})
		if err != nil {
			return fmt.Errorf("create %T %s: %w", object, object.GetName(), errors.Join(err, failed))
		}
	}
	return c.established(ctx)
}

// established waits until the API server serves what routes need.
func (c *scene) established(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		var all apiextensionsv1.CustomResourceDefinitionList
		if err := c.admin.List(ctx, &all); err != nil {
			return false, err
		}
		return !slices.ContainsFunc(all.Items, func(definition apiextensionsv1.CustomResourceDefinition) bool {
			return !apihelpers.IsCRDConditionTrue(&definition, apiextensionsv1.Established)
		}), nil
	})
}

// serve starts the gateway with Roadbed's own rights.
func (c *scene) serve(ctx context.Context) error {
	c.behind = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	transport := upstream.New(upstream.Options{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, c.behind.Listener.Addr().String())
	}})
	p := proxy.New(transport)
	c.serving = &serving{transport, p, listen.New(p, listen.Options{
		OwnFront: func([]*gateway.Listener) bool { return true }, DrainTimeout: time.Second,
		Listen: func(ctx context.Context, network, _ string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, network, "127.0.0.1:0")
		},
	})}
	connection, err := c.plane.Access.ClientConfig(identity.Roadbed, identity.RoadbedGroups()...)
	if err != nil {
		return err
	}
	connection.QPS = -1
	ctrl.SetLogger(logr.Discard())
	mgr, err := ctrl.NewManager(connection, manager.Options{
		Scheme: c.scheme, Logger: logr.Discard(), Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
	})
	if err != nil {
		return err
	}
	host := &module.Host{
		Manager: mgr, Routes: http.NewServeMux(), Clock: clock.RealClock{},
		Liveness: steps.NewLiveness(clock.RealClock{}, steps.SilenceLimit), Log: slog.New(slog.DiscardHandler),
	}
	bind := netip.MustParseAddr("127.0.0.1")
	if err := operator.New(operator.Deps{Sink: c.serving, Addresses: []translate.Address{{Bind: bind}}}).Setup(host); err != nil {
		return err
	}
	ctx, c.cancel = context.WithCancel(ctx)
	c.ended = make(chan error, 1)
	go func() { c.ended <- mgr.Start(ctx) }()
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		if at := c.serving.sockets.Addr(netip.AddrPortFrom(bind, 80)); at != nil {
			c.address = at.String()
		}
		return c.address != "", nil
	})
}

// fill makes the routes that are not there yet, and waits until the last is served.
func (c *scene) fill(ctx context.Context, routes int) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := c.routes; i < routes; i++ {
		group.Go(func() error {
			objects, err := apply.Decode(c.scheme, fmt.Sprintf(`{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute",
				"metadata":{"name":%q,"namespace":%q},"spec":{"parentRefs":[{"name":"gw"}],"rules":[%s]}}`, routeName(i), namespace, rule(i, 0)))
			if err != nil {
				return err
			}
			return c.admin.Create(within, objects[0])
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	c.routes = routes
	// The statuses of all are written before anything is measured.
	return wait.PollUntilContextTimeout(ctx, time.Second, 10*patience, true, func(ctx context.Context) (bool, error) {
		var all gatewayv1.HTTPRouteList
		if err := c.admin.List(ctx, &all); err != nil {
			return false, err
		}
		for i := range all.Items {
			if len(all.Items[i].Status.Parents) == 0 {
				return false, nil
			}
		}
		_, err := c.ask(ctx, routes-1)
		return err == nil && len(all.Items) == routes, nil
	})
}

// close ends everything that was started.
func (c *scene) close() error {
	var err error
	c.calls.CloseIdleConnections()
	if c.cancel != nil {
		c.cancel()
		err = <-c.ended
	}
	if c.serving != nil {
		c.serving.sockets.Close()
		c.serving.proxy.Close()
		c.serving.transport.Close()
		c.behind.Close()
	}
	if c.plane != nil {
		err = errors.Join(err, c.plane.Stop(context.Background()))
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}
