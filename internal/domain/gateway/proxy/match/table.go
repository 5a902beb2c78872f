package match

import (
	"maps"
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

// Builder makes the tables of one listener, each from the one before: what does not
// change is not made again. The zero value is ready.
type Builder[P any] struct {
	routes []*Compiled[P]
	table  *Table[P]
}

// Build returns the table of the routes, in which the order of routes says nothing. It
// is the one before where the routes are. The list MUST not change afterwards.
func (b *Builder[P]) Build(routes []*Compiled[P]) *Table[P] {
	if b.table != nil && slices.Equal(b.routes, routes) {
		return b.table
	}
	table := &Table[P]{}
	if b.table != nil {
		table.hosts = b.table.hosts.clone()
	}
	for host, edit := range edits(b.routes, routes) {
		if next := table.hosts.at(host).change(edit.out, edit.in); next != nil {
			table.hosts.Put(host, next)
		} else {
			table.hosts.drop(host)
		}
	}
	b.routes, b.table = routes, table
	return table
}

// swap is what a host loses and gets.
type swap[P any] struct{ out, in []*Compiled[P] }

var everyHost = []string{""}

// edits are the differences of two lists by host.
func edits[P any](before, after []*Compiled[P]) map[string]*swap[P] {
	all := map[string]*swap[P]{}
	each := func(routes []*Compiled[P], add func(*swap[P], *Compiled[P])) {
		for _, route := range routes {
			names := route.Route.Hostnames
			if len(names) == 0 {
				names = everyHost
			}
			for _, name := range names {
				name = canonical(name)
				if all[name] == nil {
					all[name] = &swap[P]{}
				}
				add(all[name], route)
			}
		}
	}
	out, in := Differ(before, after)
	each(out, func(s *swap[P], route *Compiled[P]) { s.out = append(s.out, route) })
	each(in, func(s *swap[P], route *Compiled[P]) { s.in = append(s.in, route) })
	return all
}

// Differ says which elements of two lists are in one of them alone. It is fast where
// most are in the same place of both, from the beginning or from the end.
func Differ[T comparable](before, after []T) (gone, come []T) {
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	count := make(map[T]int, len(after))
	for _, element := range after {
		count[element]++
	}
	for _, element := range before {
		if count[element]--; count[element] < 0 {
			gone = append(gone, element)
		}
	}
	for _, element := range after {
		if count[element] > 0 {
			count[element]--
			come = append(come, element)
		}
	}
	return gone, come
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
	name = canonical(name)
	suffix, wild := strings.CutPrefix(name, "*")
	switch {
	case name == "":
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

// canonical is a name as Hosts has it.
func canonical(name string) string {
	if name == "*" {
		return ""
	}
	return strings.ToLower(name)
}

// at returns what was put for a canonical name, if anything was.
func (h *Hosts[V]) at(name string) (value V) {
	suffix, wild := strings.CutPrefix(name, "*")
	switch {
	case name == "":
		return h.any
	case wild:
		return h.wild[suffix]
	}
	return h.exact[name]
}

// drop takes out what was put for a canonical name.
func (h *Hosts[V]) drop(name string) {
	var none V
	suffix, wild := strings.CutPrefix(name, "*")
	switch {
	case name == "":
		h.any, h.hasAny = none, false
	case wild:
		delete(h.wild, suffix)
	default:
		delete(h.exact, name)
	}
}

// clone returns Hosts with the same values.
func (h *Hosts[V]) clone() Hosts[V] {
	return Hosts[V]{exact: maps.Clone(h.exact), wild: maps.Clone(h.wild), any: h.any, hasAny: h.hasAny}
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
