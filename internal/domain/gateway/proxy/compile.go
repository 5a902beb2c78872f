package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/balance"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/match"
)

// snapshot is a Config, compiled. It is immutable.
type snapshot struct {
	config  *gateway.Config
	sockets map[netip.AddrPort]*socket
	// pools are by the slots that plans name.
	pools []*balance.Pool
}

// socket is the listeners that share an address, by host name.
type socket struct {
	listeners match.Hosts[*listener]
}

// listener is a listener with the rules of its routes.
type listener struct {
	*gateway.Listener
	table *match.Table[*plan]
	port  int
}

// compiler makes snapshots, each from the one before.
type compiler struct {
	registry *balance.Registry
	routes   map[*gateway.Route]*route
	builders map[string]*match.Builder[*plan]
	// config is what is being compiled, lifecycles those of it that were used.
	config     *gateway.Config
	lifecycles map[*gateway.Lifecycle]*lifecycle
	faults     []error
}

// route is a compiled route with what was wrong with it.
type route struct {
	*match.Compiled[*plan]
	plans  []*plan
	faults []error
}

func newCompiler(key []byte) *compiler {
	return &compiler{
		registry: balance.NewRegistry(key), routes: map[*gateway.Route]*route{},
		builders: map[string]*match.Builder[*plan]{}, lifecycles: map[*gateway.Lifecycle]*lifecycle{},
	}
}

func (c *compiler) compile(config *gateway.Config) (*snapshot, error) {
	c.config, c.faults = config, nil
	next := &snapshot{
		config: config, sockets: map[netip.AddrPort]*socket{}, pools: c.registry.Update(config.Backends),
	}
	routes := make(map[*gateway.Route]*route, len(c.routes))
	builders := make(map[string]*match.Builder[*plan], len(config.Listeners))
	taken := map[claim]string{}
	for i := range config.Listeners {
		l := &config.Listeners[i]
		if !c.claims(taken, l) {
			continue
		}
		builder := c.builders[l.Name]
		if builder == nil {
			builder = &match.Builder[*plan]{}
		}
		builders[l.Name] = builder
		table := builder.Build(c.attached(l, routes))
		next.add(&listener{Listener: l, table: table, port: port(l)})
	}
	c.routes, c.builders = routes, builders
	c.forget()
	return next, errors.Join(c.faults...)
}

// claim is what a listener answers to.
type claim struct {
	address  netip.AddrPort
	hostname string
}

// claims tells whether no listener before it answers to the same: Gateways never
// merge.
func (c *compiler) claims(taken map[claim]string, l *gateway.Listener) bool {
	what := claim{l.Address, l.Hostname}
	if first, ok := taken[what]; ok {
		c.faults = append(c.faults, fmt.Errorf("listener %q is not served: %q has host name %q at %s already", l.Name, first, l.Hostname, l.Address))
		return false
	}
	taken[what] = l.Name
	return true
}

func port(l *gateway.Listener) int {
	if l.Port != 0 {
		return l.Port
	}
	return int(l.Address.Port())
}

// attached returns the compiled routes of a listener; those that are as they
// were are not compiled again.
func (c *compiler) attached(l *gateway.Listener, routes map[*gateway.Route]*route) []*match.Compiled[*plan] {
	all := make([]*match.Compiled[*plan], 0, len(l.Routes))
	for _, source := range l.Routes {
		known := routes[source]
		if known == nil {
			known = c.route(source)
			routes[source] = known
			c.faults = append(c.faults, known.faults...)
		}
		all = append(all, known.Compiled)
	}
	return all
}

// route compiles a route, unless it is as it was.
func (c *compiler) route(source *gateway.Route) *route {
	known := c.routes[source]
	if known != nil && !slices.ContainsFunc(known.plans, func(p *plan) bool { return !c.current(p) }) {
		return known
	}
	made := &route{}
	for i := range source.Rules {
		p, fault := c.plan(source, &source.Rules[i])
		made.plans = append(made.plans, p)
		if fault != nil {
			made.faults = append(made.faults, fmt.Errorf("rule %q of %s %s/%s answers 500: %w",
				source.Rules[i].Name, source.Kind, source.Namespace, source.Name, fault))
		}
	}
	made.Compiled = match.Compile(source, made.plans)
	return made
}

// forget drops what only older Configs had.
func (c *compiler) forget() {
	for source := range c.lifecycles {
		if c.config.Lifecycles[source.Name] != source {
			delete(c.lifecycles, source)
		}
	}
	c.config = nil
}

func (s *snapshot) add(l *listener) {
	known := s.sockets[l.Address]
	if known == nil {
		known = &socket{}
		s.sockets[l.Address] = known
	}
	known.listeners.Put(l.Hostname, l)
}
