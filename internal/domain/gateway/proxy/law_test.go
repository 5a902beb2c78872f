package proxy_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
)

// TestApplyIsFull: whatever changes in whatever order, a Proxy that applied each Config
// answers, and complains, as one that begins with the last.
func TestApplyIsFull(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	c := &gateway.Config{Backends: map[string]*gateway.Backend{}, RateLimits: map[string]*gateway.RateLimit{}, Lifecycles: map[string]*gateway.Lifecycle{}}
	p := proxy.New(instant{})
	defer p.Close()
	for step := range 400 {
		next := *c
		for range 1 + random.IntN(2) {
			mutate(random, &next)
		}
		c = &next
		fresh := proxy.New(instant{})
		said, want := text(p.Apply(c)), text(fresh.Apply(c))
		said, want = said+answers(p), want+answers(fresh)
		fresh.Close()
		if said != want {
			t.Fatalf("step %d says\n%s\nwant\n%s", step, said, want)
		}
	}
}

func text(err error) string {
	lines := strings.Split(fmt.Sprint(err), "\n")
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n"
}

// mutate changes something of a Config, whose maps and lists are another's too.
func mutate(random *rand.Rand, c *gateway.Config) {
	name := string(rune('a' + random.IntN(3)))
	gone := random.IntN(3) == 0
	switch random.IntN(8) {
	case 0:
		c.Backends = maps.Clone(c.Backends)
		port := uint16(1 + random.IntN(2))
		if c.Backends[name] = (&gateway.Backend{ID: name, Endpoints: []gateway.Endpoint{{Address: netip.AddrPortFrom(socket.Addr(), port)}}}); gone {
			delete(c.Backends, name)
		}
	case 1:
		c.RateLimits = maps.Clone(c.RateLimits)
		if c.RateLimits[name] = (&gateway.RateLimit{Name: name}); gone {
			delete(c.RateLimits, name)
		}
	case 2:
		c.Lifecycles = maps.Clone(c.Lifecycles)
		if c.Lifecycles[name] = (&gateway.Lifecycle{Name: name, API: strconv.Itoa(random.IntN(100))}); gone {
			delete(c.Lifecycles, name)
		}
	case 3:
		c.Listeners = slices.DeleteFunc(slices.Clone(c.Listeners), func(l gateway.Listener) bool { return l.Name == name })
		if !gone {
			c.Listeners = append(c.Listeners, gateway.Listener{Name: name, Address: socket, Hostname: name + ".org"})
		}
	default:
		if len(c.Listeners) == 0 {
			return
		}
		c.Listeners = slices.Clone(c.Listeners)
		l := &c.Listeners[random.IntN(len(c.Listeners))]
		l.Routes = slices.Clone(l.Routes)
		if gone && len(l.Routes) > 0 {
			at := random.IntN(len(l.Routes))
			l.Routes = slices.Delete(l.Routes, at, at+1)
			return
		}
		r := rule(prefix("/"+name), name)
		r.Filters.RateLimits, r.Filters.Lifecycle = [][]string{nil, {name}}[random.IntN(2)], []string{"", name}[random.IntN(2)]
		made := route(r)
		made.Name = strconv.FormatUint(random.Uint64(), 10) // no two are the same
		l.Routes = slices.Insert(l.Routes, random.IntN(len(l.Routes)+1), made)
	}
}

// answers are to requests for all that there may be.
func answers(p *proxy.Proxy) string {
	var all strings.Builder
	for _, host := range []string{"a.org", "b.org", "c.org"} {
		for _, path := range []string{"/a", "/b", "/c"} {
			var x exchange.Exchange
			x.Request = &http1.Request{Method: "GET", Path: path, Authority: host, Scheme: "http", Minor: 1, Remote: socket}
			p.ServeExchange(context.Background(), socket, silent{}, &x)
			fmt.Fprintf(&all, "%s%s %d %s %+v %+v\n", host, path, x.Status, x.Endpoint, x.Route, x.Lifecycle)
		}
	}
	return all.String()
}
