//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// The words of the full chain: one tenant with one policy of each kind.
const (
	issuer    = "https://kubernetes.default.svc"
	audience  = "platform-api"
	tenant    = "shop"
	namespace = "tenant-shop"
	policy    = "platform/default"
)

// world is what a gateway of the benchmark serves: a number of routes, each with
// a path and a backend of its own. Route 0 is the one that is asked under load.
type world struct {
	socket, backend netip.AddrPort
	full            bool
	keys            []byte // the issuer's key set
	config          *gateway.Config
}

func newWorld(socket, backend netip.AddrPort, routes int, full bool, keys []byte) *world {
	w := &world{socket: socket, backend: backend, full: full, keys: keys}
	w.config = &gateway.Config{
		Version: "0", Backends: make(map[string]*gateway.Backend, routes),
		Tenants: map[string]gateway.Tenant{namespace: {Name: tenant, BusinessUnit: "retail"}},
	}
	listener := gateway.Listener{
		Name: "platform/api/http", Gateway: "platform/api", Address: socket, Protocol: gateway.HTTP, Cluster: "platform",
	}
	for i := range routes {
		listener.Routes = append(listener.Routes, w.route(i, 0))
		w.config.Backends[backendID(i)] = &gateway.Backend{
			ID: backendID(i), Namespace: "team-" + strconv.Itoa(i), Service: "orders", Port: 80,
			Protocol: gateway.HTTP1, Endpoints: []gateway.Endpoint{{Address: backend}},
		}
	}
	w.config.Listeners = []gateway.Listener{listener}
	if full {
		w.policies()
	}
	return w
}

// policies are those that every route of the full chain names.
func (w *world) policies() {
	w.config.Authorizations = map[string]*gateway.Authorization{policy: {
		Name: policy, RequireTenant: true,
		Issuers: []gateway.Issuer{{URL: issuer, Audiences: []string{audience}, Inline: w.keys, TenantClaim: "tenant"}},
	}}
	w.config.RateLimits = map[string]*gateway.RateLimit{policy: {
		Name: policy, Requests: 1_000_000_000, Unit: time.Minute, Scope: gateway.PerTenant, Failure: gateway.FailLocal,
	}}
	w.config.Lifecycles = map[string]*gateway.Lifecycle{policy: {
		Name: policy, API: "databases", Version: "v1", Stage: "deprecated",
		Deprecated: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Sunset: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		Successor: "/v2/databases",
	}}
}

func backendID(i int) string { return fmt.Sprintf("team-%d/orders:80", i) }

// pathOf is the path of a route.
func pathOf(i int) string { return fmt.Sprintf("/v1/databases-%d", i) }

// versionField is the field by which a route's answers tell its version.
const versionField = "X-Bench-Version"

// route makes a route, and its next version.
func (w *world) route(i, version int) *gateway.Route {
	rule := gateway.Rule{
		Name: "0", Matches: []gateway.Match{{Path: gateway.PathMatch{Prefix: pathOf(i)}}},
		Backends: []gateway.Weighted{{Backend: backendID(i), Weight: 1}},
	}
	if w.full {
		rule.Filters.Authorization, rule.Filters.RateLimits = []string{policy}, []string{policy}
		rule.Filters.Lifecycle = policy
	}
	if version > 0 {
		rule.Filters.Response = &gateway.HeaderChange{
			Set: []gateway.NameValue{{Name: versionField, Value: strconv.Itoa(version)}},
		}
	}
	return &gateway.Route{
		Kind: gateway.HTTPRoute, Namespace: "team-" + strconv.Itoa(i), Name: "orders",
		Hostnames: []string{host}, Rules: []gateway.Rule{rule},
	}
}

// change makes the Config in which one route has another version.
func (w *world) change(i, version int) *gateway.Config {
	next := *w.config
	next.Version = strconv.Itoa(version)
	next.Listeners = slices.Clone(next.Listeners)
	next.Listeners[0].Routes = slices.Clone(next.Listeners[0].Routes)
	next.Listeners[0].Routes[i] = w.route(i, version)
	w.config = &next
	return w.config
}
