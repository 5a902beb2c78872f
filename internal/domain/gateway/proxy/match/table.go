package match

import (
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Table finds the rule of a request among those of one listener.
type Table[P any] struct {
	hosts Hosts[*index[P]]
}

// Find returns the match that comes first, or nil. Host is in lower case and
// without port, path is clean.
func (t *Table[P]) Find(host, path string, request *http1.Request) *Found[P] {
	for x := range t.hosts.All(host) {
		if f := x.find(path, request); f != nil {
			return f
		}
	}
	return nil
}

// Compiled is a route with the plans of its rules. It is immutable.
type Compiled[P any] struct {
	// Route is what it was made of.
	Route *gateway.Route

	candidates []*Found[P]
}

// Compile makes the candidates of a route; plans has one for each of its rules.
func Compile[P any](route *gateway.Route, plans []P) *Compiled[P] {
	return &Compiled[P]{route, compile(route, plans)}
}

// Builder makes the tables of one listener, each from the one before: hosts
// whose routes are the same keep their part. The zero value is ready.
type Builder[P any] struct {
	parts map[string]part[P]
	table *Table[P]
}

// part is what a host had in the last table.
type part[P any] struct {
	routes []*Compiled[P]
	index  *index[P]
}

// Build returns the table of the routes, in which the order of routes says
// nothing.
func (b *Builder[P]) Build(routes []*Compiled[P]) *Table[P] {
	byHost := map[string][]*Compiled[P]{}
	for _, route := range routes {
		names := route.Route.Hostnames
		if len(names) == 0 {
			names = everyHost
		}
		for _, name := range names {
			byHost[name] = append(byHost[name], route)
		}
	}
	parts := make(map[string]part[P], len(byHost))
	table := &Table[P]{}
	same := b.table != nil && len(byHost) == len(b.parts)
	for name, routes := range byHost {
		old := b.parts[name]
		if old.index == nil || !slices.Equal(old.routes, routes) {
			old = part[P]{routes, newIndex(candidates(routes))}
			same = false
		}
		parts[name] = old
		table.hosts.Put(name, old.index)
	}
	if same {
		return b.table
	}
	b.parts, b.table = parts, table
	return table
}

var everyHost = []string{""}

func candidates[P any](routes []*Compiled[P]) [][]*Found[P] {
	all := make([][]*Found[P], 0, len(routes))
	for _, route := range routes {
		all = append(all, route.candidates)
	}
	return all
}

// Hosts finds values by host name, the most specific first: a name, then the
// longest wildcard, then "" for all. The zero value is empty.
type Hosts[V any] struct {
	exact, wild map[string]V
	any         V
	hasAny      bool
}

// Put gives a value to a host name, to "*.name", or to "" for every host.
func (h *Hosts[V]) Put(name string, value V) {
	name = strings.ToLower(name)
	suffix, wild := strings.CutPrefix(name, "*")
	switch {
	case name == "" || name == "*":
		h.any, h.hasAny = value, true
	case wild:
		if h.wild == nil {
			h.wild = map[string]V{}
		}
		h.wild[suffix] = value
	default:
		if h.exact == nil {
			h.exact = map[string]V{}
		}
		h.exact[name] = value
	}
}

// All yields the values that answer to a host, the most specific first.
func (h *Hosts[V]) All(host string) func(yield func(V) bool) {
	return func(yield func(V) bool) {
		if v, ok := h.exact[host]; ok && !yield(v) {
			return
		}
		for rest := host; len(h.wild) > 0; rest = rest[1:] {
			dot := strings.IndexByte(rest, '.')
			if dot < 0 {
				break
			}
			rest = rest[dot:]
			v, ok := h.wild[rest]
			if ok && len(rest) < len(host) && !yield(v) {
				return
			}
		}
		if h.hasAny {
			yield(h.any)
		}
	}
}

// First returns the value that answers to a host most specifically.
func (h *Hosts[V]) First(host string) (found V, ok bool) {
	for v := range h.All(host) {
		return v, true
	}
	return found, false
}

// HostOf returns the host of an authority in lower case, without port and
// without the dot that may end a name.
func HostOf(authority string) string {
	host := authority
	if strings.HasPrefix(host, "[") {
		if end := strings.IndexByte(host, ']'); end > 0 {
			return host[:end+1]
		}
	}
	if colon := strings.IndexByte(host, ':'); colon >= 0 {
		host = host[:colon]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
