package match_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/match"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// route makes a route with one rule for each match.
func route(name string, created time.Time, hosts []string, matches ...gateway.Match) *gateway.Route {
	r := &gateway.Route{Kind: gateway.HTTPRoute, Namespace: "default", Name: name, Created: created, Hostnames: hosts}
	for i, m := range matches {
		r.Rules = append(r.Rules, gateway.Rule{Name: strconv.Itoa(i), Matches: []gateway.Match{m}})
	}
	return r
}

func build(routes ...*gateway.Route) *match.Table[string] {
	var compiled []*match.Compiled[string]
	for _, r := range routes {
		compiled = append(compiled, match.Compile(r, plans(r)))
	}
	return new(match.Builder[string]).Build(compiled)
}

func plans(r *gateway.Route) []string {
	var all []string
	for _, rule := range r.Rules {
		all = append(all, r.Name+"/"+rule.Name)
	}
	return all
}

func exact(path string) gateway.Match {
	return gateway.Match{Path: gateway.PathMatch{Exact: path}}
}

func prefix(path string) gateway.Match {
	return gateway.Match{Path: gateway.PathMatch{Prefix: path}}
}

func pattern(text string) gateway.Match {
	return gateway.Match{Path: gateway.PathMatch{Regexp: regexp.MustCompile(text)}}
}

func with(m gateway.Match, method, header, query string) gateway.Match {
	m.Method = method
	m.Headers, m.Queries = pairs(header), pairs(query)
	return m
}

func pairs(text string) []gateway.ValueMatch {
	var all []gateway.ValueMatch
	for pair := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(pair, "=")
		m := gateway.ValueMatch{Name: name, Exact: value}
		if pattern, ok := strings.CutPrefix(value, "~"); ok {
			m = gateway.ValueMatch{Name: name, Regexp: regexp.MustCompile(pattern)}
		}
		all = append(all, m)
	}
	return all
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	young := epoch.Add(time.Hour)
	cases := map[string]struct {
		reason string
		routes []*gateway.Route
		host   string
		method string
		path   string
		query  string
		header http1.Header
		want   string
	}{
		"ExactBeforePrefix": {
			reason: "an exact path is preferred, however long the prefix",
			routes: []*gateway.Route{route("a", epoch, nil, prefix("/one"), exact("/one"))},
			path:   "/one", want: "a/1",
		},
		"LongestPrefix": {
			reason: "the longest prefix is preferred whatever the order",
			routes: []*gateway.Route{route("a", epoch, nil, prefix("/"), prefix("/one/two"), prefix("/one"))},
			path:   "/one/two/three", want: "a/1",
		},
		"PrefixElements": {
			reason: "a prefix matches whole elements",
			routes: []*gateway.Route{route("a", epoch, nil, prefix("/abc"))},
			path:   "/abcd", want: "",
		},
		"PrefixWithSlash": {
			reason: "a trailing slash does not keep a prefix from matching",
			routes: []*gateway.Route{route("a", epoch, nil, prefix("/abc"))},
			path:   "/abc/", want: "a/0",
		},
		"PrefixGivenWithSlash": {
			reason: "the trailing slash of a prefix is ignored",
			routes: []*gateway.Route{route("a", epoch, nil, prefix("/abc/"))},
			path:   "/abc", want: "a/0",
		},
		"FallsToShorter": {
			reason: "a prefix whose headers are wrong leaves the request to a shorter one",
			routes: []*gateway.Route{route("a", epoch, nil, with(prefix("/one"), "", "v=2", ""), prefix("/"))},
			path:   "/one/x", want: "a/1",
		},
		"FallsFromExact": {
			reason: "an exact path whose method is wrong leaves the request to a prefix",
			routes: []*gateway.Route{route("a", epoch, nil, with(exact("/one"), "POST", "", ""), prefix("/one"))},
			path:   "/one", want: "a/1",
		},
		"Method": {
			reason: "a method is preferred to headers",
			routes: []*gateway.Route{route("a", epoch, nil,
				with(prefix("/"), "", "v=2 color=blue", ""), with(prefix("/"), "GET", "", ""))},
			path: "/", header: http1.Header{{Name: "V", Value: "2"}, {Name: "Color", Value: "blue"}}, want: "a/1",
		},
		"MostHeaders": {
			reason: "more headers are preferred to more query parameters",
			routes: []*gateway.Route{route("a", epoch, nil,
				with(prefix("/"), "", "v=2", "x=1 y=2"), with(prefix("/"), "", "v=2 color=blue", ""))},
			path: "/", query: "x=1&y=2", header: http1.Header{{Name: "v", Value: "2"}, {Name: "COLOR", Value: "blue"}}, want: "a/1",
		},
		"MostQueries": {
			reason: "more query parameters are preferred to age",
			routes: []*gateway.Route{
				route("old", epoch, nil, with(prefix("/"), "", "", "x=1")),
				route("new", young, nil, with(prefix("/"), "", "", "x=1 y=2")),
			},
			path: "/", query: "y=2&x=1", want: "new/0",
		},
		"Oldest": {
			reason: "the oldest route is preferred to the first name",
			routes: []*gateway.Route{route("a", young, nil, prefix("/")), route("b", epoch, nil, prefix("/"))},
			path:   "/", want: "b/0",
		},
		"Name": {
			reason: "of routes as old the first name is preferred",
			routes: []*gateway.Route{route("b", epoch, nil, prefix("/")), route("a", epoch, nil, prefix("/"))},
			path:   "/", want: "a/0",
		},
		"FirstRule": {
			reason: "within a route the first rule is preferred",
			routes: []*gateway.Route{route("a", epoch, nil, prefix("/"), prefix("/"))},
			path:   "/", want: "a/0",
		},
		"ExactHost": {
			reason: "a name is preferred to a wildcard, whatever the paths",
			routes: []*gateway.Route{
				route("wild", epoch, []string{"*.example.com"}, exact("/one")),
				route("name", young, []string{"www.example.com"}, prefix("/")),
			},
			host: "www.example.com", path: "/one", want: "name/0",
		},
		"LongestWildcard": {
			reason: "the longest wildcard is preferred",
			routes: []*gateway.Route{
				route("short", epoch, []string{"*.example.com"}, prefix("/")),
				route("long", young, []string{"*.a.example.com"}, prefix("/")),
			},
			host: "x.y.a.example.com", path: "/", want: "long/0",
		},
		"WildcardNeedsLabel": {
			reason: "a wildcard does not match the domain itself",
			routes: []*gateway.Route{route("wild", epoch, []string{"*.example.com"}, prefix("/"))},
			host:   "example.com", path: "/", want: "",
		},
		"LessSpecificHost": {
			reason: "a host none of whose rules match leaves the request to the next",
			routes: []*gateway.Route{
				route("name", epoch, []string{"www.example.com"}, prefix("/only")),
				route("wild", epoch, []string{"*.example.com"}, prefix("/")),
			},
			host: "www.example.com", path: "/other", want: "wild/0",
		},
		"PatternBeforeRoot": {
			reason: "a pattern is not hidden by a rule for all paths",
			routes: []*gateway.Route{route("a", epoch, nil, prefix("/"), pattern("/v[0-9]+/x"))},
			path:   "/v12/x", want: "a/1",
		},
		"PatternAfterLongerPrefix": {
			reason: "a pattern ranks as its literal beginning",
			routes: []*gateway.Route{route("a", epoch, nil, pattern("/v[0-9]+/x"), prefix("/v1"))},
			path:   "/v1/x", want: "a/1",
		},
		"PatternIsWhole": {
			reason: "a pattern must match the whole path",
			routes: []*gateway.Route{route("a", epoch, nil, pattern("/v[0-9]+|/w"))},
			path:   "/v1/x", want: "",
		},
		"PatternOfAnyCase": {
			reason: "a pattern without regard to case has no literal beginning",
			routes: []*gateway.Route{route("a", epoch, nil, pattern("(?i)/Admin/.*"))},
			path:   "/aDMIN/x", want: "a/0",
		},
		"GRPCMethod": {
			reason: "a method of a service is preferred to the service, that to a method of any service",
			routes: []*gateway.Route{route("a", epoch, nil, pattern("/[^/]+/Echo"), prefix("/pkg.Service"), exact("/pkg.Service/Echo"))},
			path:   "/pkg.Service/Echo", want: "a/2",
		},
		"GRPCService": {
			reason: "a service matches all of its methods",
			routes: []*gateway.Route{route("a", epoch, nil, pattern("/[^/]+/Echo"), prefix("/pkg.Service"))},
			path:   "/pkg.Service/Echo", want: "a/1",
		},
		"HeaderPattern": {
			reason: "a pattern for a header is held to the whole value",
			routes: []*gateway.Route{route("a", epoch, nil, with(prefix("/"), "", "v=~[0-9]+", ""))},
			path:   "/", header: http1.Header{{Name: "v", Value: "12a"}}, want: "",
		},
		"HeaderTwice": {
			reason: "a header sent twice is one value with a comma",
			routes: []*gateway.Route{route("a", epoch, nil, with(prefix("/"), "", "v=1,2", ""))},
			path:   "/", header: http1.Header{{Name: "v", Value: "1"}, {Name: "V", Value: "2"}}, want: "a/0",
		},
		"QueryEncoded": {
			reason: "query parameters are compared decoded, the first of a name counts",
			routes: []*gateway.Route{route("a", epoch, nil, with(prefix("/"), "", "", "na&me=~a.b"))},
			path:   "/", query: "z&na%26me=a+b&na%26me=c", want: "a/0",
		},
		"QueryBroken": {
			reason: "what is not encoded as it should be matches nothing",
			routes: []*gateway.Route{route("a", epoch, nil, with(prefix("/"), "", "", "x=%zz"))},
			path:   "/", query: "x=%zz", want: "",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method := tc.method
			if method == "" {
				method = "GET"
			}
			found := build(tc.routes...).Find(tc.host, tc.path, &http1.Request{Method: method, Query: tc.query, Header: tc.header})
			got := ""
			if found != nil {
				got = found.Plan
			}
			if got != tc.want {
				t.Errorf("%s: found %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestHostOf(t *testing.T) {
	t.Parallel()
	for authority, want := range map[string]string{
		"": "", "example.com": "example.com", "Example.com.:8080": "example.com", "[::1]:80": "[::1]", "[::1]": "[::1]", "10.0.0.1:1": "10.0.0.1",
	} {
		if got := match.HostOf(authority); got != want {
			t.Errorf("HostOf(%q) = %q, want %q", authority, got, want)
		}
	}
}

// TestBuilderKeeps tells that a host whose routes are the same is not compiled again.
func TestBuilderKeeps(t *testing.T) {
	t.Parallel()
	a := match.Compile(route("a", epoch, []string{"a.example.com"}, prefix("/")), []string{"a"})
	b := match.Compile(route("b", epoch, []string{"b.example.com"}, prefix("/")), []string{"b"})
	c := match.Compile(route("c", epoch, []string{"b.example.com"}, prefix("/c")), []string{"c"})
	var builder match.Builder[string]
	first := builder.Build([]*match.Compiled[string]{a, b})
	if again := builder.Build([]*match.Compiled[string]{a, b}); again != first {
		t.Error("the same routes made another table")
	}
	second := builder.Build([]*match.Compiled[string]{a, b, c})
	if second == first {
		t.Fatal("another route made the same table")
	}
	request := &http1.Request{Method: "GET"}
	if f := first.Find("b.example.com", "/c", request); f == nil || f.Plan != "b" {
		t.Error("a table changed after it was built")
	}
	if f := second.Find("b.example.com", "/c", request); f == nil || f.Plan != "c" {
		t.Error("the new route is not found")
	}
	third := builder.Build([]*match.Compiled[string]{a})
	if f := third.Find("b.example.com", "/", request); f != nil {
		t.Errorf("a route that is gone was found: %q", f.Plan)
	}
}

// TestBuilderIsFull: whatever comes and goes in whatever order, a table that was made
// from the one before finds what one finds that was made of all routes at once, and the
// one before still finds what it did.
func TestBuilderIsFull(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/b", "/v1/x", "/v2", "/a/b/"}
	anyMatch := func() gateway.Match {
		m := []gateway.Match{prefix(paths[random.IntN(len(paths))]), exact(paths[random.IntN(len(paths))]), pattern(pick("/v[0-9]/x", "/a.*", ".*"))}[random.IntN(3)]
		return with(m, pick("", "GET", "POST"), pick("", "v=1"), pick("", "q=1"))
	}
	ask := func(table *match.Table[string]) string {
		var found strings.Builder
		for _, host := range []string{"a.org", "x.a.org", "b.org", ""} {
			for _, path := range paths {
				f := table.Find(host, path, &http1.Request{Method: "GET", Query: "q=1", Header: http1.Header{{Name: "v", Value: "1"}}})
				if f != nil {
					fmt.Fprintf(&found, "%s%s %s %s\n", host, path, f.Route.Namespace, f.Plan)
				}
			}
		}
		return found.String()
	}
	var builder match.Builder[string]
	var routes []*match.Compiled[string]
	table, before := builder.Build(nil), ""
	for step := range 500 {
		last := table
		routes = slices.Clone(routes)
		for range 1 + random.IntN(3) {
			if at := random.IntN(12); at < len(routes) {
				routes = slices.Delete(routes, at, at+1)
				continue
			}
			hosts := [][]string{nil, {"a.org"}, {"*.a.org", "B.org"}, {"*"}}[random.IntN(4)]
			r := route(pick("m", "n", "o"), epoch.Add(time.Duration(random.IntN(2))), hosts, anyMatch(), anyMatch())
			r.Namespace = strconv.Itoa(step) // no two are the same
			routes = append(routes, match.Compile(r, plans(r)))
		}
		random.Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
		table = builder.Build(routes)
		want := ask(new(match.Builder[string]).Build(routes))
		if got := ask(table); got != want {
			t.Fatalf("step %d finds\n%s\nwant\n%s", step, got, want)
		}
		if again := ask(last); again != before {
			t.Fatalf("step %d changed the table before it:\n%s\nwas\n%s", step, again, before)
		}
		before = want
	}
}

func FuzzFind(f *testing.F) {
	table := build(
		route("a", epoch, []string{"*.example.com", "a.b"}, prefix("/"), prefix("/a/b"), exact("/a"), pattern("/v[0-9]+/(x|y)*"),
			with(prefix("/q"), "GET", "v=~[a-c]+", "x=1")),
		route("b", epoch, nil, with(prefix("/"), "", "", "k=v")),
	)
	f.Add("a.b", "/a/b/c", "x=1&k=v", "v", "abc")
	f.Add("x.example.com:80", "/v1/x", "%", "V", "")
	f.Add("[::1", "", "&=&", "", "\x00")
	f.Fuzz(func(_ *testing.T, host, path, query, name, value string) {
		request := &http1.Request{Method: "GET", Query: query, Header: http1.Header{{Name: name, Value: value}}}
		table.Find(match.HostOf(host), path, request)
		if clean, err := match.Clean(path); err == nil {
			table.Find(match.HostOf(host), clean, request)
		}
	})
}

func many(n int) []*match.Compiled[string] {
	var all []*match.Compiled[string]
	for i := range n {
		r := route(fmt.Sprintf("route-%d", i), epoch, []string{"api.example.com", fmt.Sprintf("t%d.example.com", i%100)},
			prefix(fmt.Sprintf("/v1/things-%d", i)), with(exact(fmt.Sprintf("/v1/things-%d/exact", i)), "GET", "", ""))
		all = append(all, match.Compile(r, plans(r)))
	}
	return all
}

func TestFindAllocatesNothing(t *testing.T) {
	table := new(match.Builder[string]).Build(many(1000))
	request := &http1.Request{Method: "GET", Query: "x=1", Header: http1.Header{{Name: "Accept", Value: "*/*"}}}
	allocations := testing.AllocsPerRun(100, func() {
		path, err := match.Clean("/v1/things-777/orders")
		if err != nil || table.Find(match.HostOf("api.example.com:80"), path, request) == nil {
			t.Fatal("not found")
		}
	})
	if allocations != 0 {
		t.Errorf("finding a rule allocates %v times", allocations)
	}
}

func BenchmarkFind(b *testing.B) {
	table := new(match.Builder[string]).Build(many(5000))
	request := &http1.Request{Method: "GET", Header: http1.Header{{Name: "Accept", Value: "*/*"}}}
	b.ReportAllocs()
	for b.Loop() {
		path, _ := match.Clean("/v1/things-4777/orders/77")
		if table.Find(match.HostOf("api.example.com:80"), path, request) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	routes := many(3000)
	var builder match.Builder[string]
	builder.Build(routes)
	turn := 0
	for b.Loop() {
		turn++
		r := route("route-7", epoch, routes[7].Route.Hostnames, with(prefix("/v1/things-7"), "", fmt.Sprintf("turn=%d", turn), ""))
		routes = slices.Clone(routes)
		routes[7] = match.Compile(r, plans(r))
		builder.Build(routes)
	}
}
