package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/balance"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/match"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/shape"
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
	tables   map[string]*attached
	// config is what is being compiled, before what was compiled last; settled says
	// that nothing else than routes changed since, and so what those that are known
	// were compiled to is right.
	config, before *gateway.Config
	settled        bool
	// lifecycles are those of the config that were used.
	lifecycles map[*gateway.Lifecycle]*shape.Lifecycle
	// faulty are the routes with something wrong; faults is what is told of this Config.
	faulty map[*gateway.Route]bool
	faults []error
}

// attached is what a listener had in the last Config.
type attached struct {
	routes   []*gateway.Route
	compiled []*match.Compiled[*plan]
	builder  match.Builder[*plan]
}

// route is a compiled route with what was wrong with it.
type route struct {
	*match.Compiled[*plan]
	plans  []*plan
	faults []error
	// listeners is how many have it.
	listeners int
}

func newCompiler(key []byte) *compiler {
	return &compiler{
		registry: balance.NewRegistry(key), routes: map[*gateway.Route]*route{}, before: &gateway.Config{},
		tables: map[string]*attached{}, lifecycles: map[*gateway.Lifecycle]*shape.Lifecycle{}, faulty: map[*gateway.Route]bool{},
	}
}

func (c *compiler) compile(config *gateway.Config) (*snapshot, error) {
	c.config, c.faults = config, nil
	pools, same := c.registry.Update(config.Backends)
	c.settled = same && gateway.Same(c.before.Authorizations, config.Authorizations) &&
		gateway.Same(c.before.RateLimits, config.RateLimits) && gateway.Same(c.before.Lifecycles, config.Lifecycles)
	next := &snapshot{config: config, sockets: map[netip.AddrPort]*socket{}, pools: pools}
	tables := make(map[string]*attached, len(config.Listeners))
	taken := map[claim]string{}
	for i := range config.Listeners {
		l := &config.Listeners[i]
		if !c.claims(taken, l) {
			continue
		}
		known := c.tables[l.Name]
		if known == nil {
			known = &attached{}
		}
		tables[l.Name] = known
		c.attach(known, l.Routes)
		next.add(&listener{Listener: l, table: known.builder.Build(known.compiled), port: port(l)})
	}
	for name, known := range c.tables {
		if tables[name] == nil {
			c.release(known.routes)
		}
	}
	c.tables, c.before = tables, config
	c.complain()
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

// attach makes the compiled routes of a listener. Those at the beginning and the end of
// the list that are as they were are taken as they were.
func (c *compiler) attach(known *attached, routes []*gateway.Route) {
	first, last := 0, 0
	if c.settled {
		first, last = alike(known.routes, routes)
	}
	if first+last == len(routes) && len(routes) == len(known.routes) && c.settled {
		return
	}
	compiled := make([]*match.Compiled[*plan], 0, len(routes))
	compiled = append(compiled, known.compiled[:first]...)
	for _, source := range routes[first : len(routes)-last] {
		made := c.route(source)
		made.listeners++
		compiled = append(compiled, made.Compiled)
	}
	compiled = append(compiled, known.compiled[len(known.compiled)-last:]...)
	c.release(known.routes[first : len(known.routes)-last])
	known.routes, known.compiled = routes, compiled
}

// alike is how many routes two lists have in common at the beginning, and how many of
// the others at the end.
func alike(before, after []*gateway.Route) (first, last int) {
	most := min(len(before), len(after))
	for first < most && before[first] == after[first] {
		first++
	}
	for last < most-first && before[len(before)-1-last] == after[len(after)-1-last] {
		last++
	}
	return first, last
}

// release forgets routes that no listener has any more.
func (c *compiler) release(sources []*gateway.Route) {
	for _, source := range sources {
		known := c.routes[source]
		if known.listeners--; known.listeners == 0 {
			delete(c.routes, source)
		}
	}
}

// route compiles a route, unless it is as it was.
func (c *compiler) route(source *gateway.Route) *route {
	known := c.routes[source]
	if known != nil && (c.settled || !slices.ContainsFunc(known.plans, func(p *plan) bool { return !c.current(p) })) {
		return known
	}
	made := &route{}
	if known != nil {
		made.listeners = known.listeners
	}
	for i := range source.Rules {
		p, fault := c.plan(source, &source.Rules[i])
		made.plans = append(made.plans, p)
		if fault != nil {
			made.faults = append(made.faults, fmt.Errorf("rule %q of %s %s/%s answers 500: %w",
				source.Rules[i].Name, source.Kind, source.Namespace, source.Name, fault))
		}
	}
	made.Compiled = match.Compile(source, made.plans)
	c.routes[source] = made
	if len(made.faults) > 0 {
		c.faulty[source] = true
	}
	return made
}

// complain tells what is wrong with routes, also with those that were compiled before.
func (c *compiler) complain() {
	from := len(c.faults)
	for source := range c.faulty {
		known := c.routes[source]
		if known == nil || len(known.faults) == 0 {
			delete(c.faulty, source)
			continue
		}
		c.faults = append(c.faults, known.faults...)
	}
	slices.SortFunc(c.faults[from:], func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
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
