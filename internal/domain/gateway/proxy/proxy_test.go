package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// TestFilters asks a real backend through every filter.
func TestFilters(t *testing.T) {
	t.Parallel()
	cors := &gateway.CORS{
		Origins: []string{"https://www.foo.com", "https://*.bar.com"}, Methods: []string{"GET", "OPTIONS"},
		Headers: []string{"x-header-1"}, Exposed: []string{"x-header-3"}, Credentials: true, MaxAge: time.Hour,
	}
	cases := map[string]struct {
		reason  string
		filters gateway.Filters
		method  string
		path    string
		fields  []string
		status  int
		want    map[string]string
	}{
		"Plain": {
			reason: "a request reaches its backend with what the gateway saw", path: "/x/y?z=1", status: 200,
			fields: []string{"Host: api.example.com", "X-Forwarded-For: 10.1.1.1", "X-Forwarded-Proto: gopher", "Traceparent: nonsense"},
			want: map[string]string{
				"Backend": "web", "Got-Path": "/x/y?z=1", "Got-Host": "api.example.com", "Got-X-Forwarded-For": "10.1.1.1, 127.0.0.1",
				"Got-X-Forwarded-Proto": "http", "Got-X-Forwarded-Host": "api.example.com", "Got-Traceparent": "",
			},
		},
		"Reserved": {
			reason: "nobody says from outside who calls", path: "/x", status: 200,
			fields: []string{"Impersonate-User: root", "impersonate_group: x", "X-Roadbed-Tenant: other", "X_Roadbed_Tenant: other", "Forwarded: for=1"},
			want:   map[string]string{"Got-Impersonate-User": "", "Got-Impersonate_group": "", "Got-X-Roadbed-Tenant": "", "Got-X_roadbed_tenant": "", "Got-Forwarded": ""},
		},
		"Trace": {
			reason: "a trace goes on", path: "/x", status: 200,
			fields: []string{"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Request-Id: abc"},
			want:   map[string]string{"Got-Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Got-X-Request-Id": "abc", "X-Request-Id": "abc"},
		},
		"CleanPath": {
			reason: "the backend gets the path that was matched", path: "/x//a/../%62", status: 200,
			want: map[string]string{"Got-Path": "/x/b"},
		},
		"BadPath": {
			reason: "an ambiguous path is refused", path: "/x/..%2fadmin", status: 400,
			want: map[string]string{"Content-Type": "application/problem+json"},
		},
		"RequestHeaders": {
			reason: "request headers are removed, set and added", path: "/x", status: 200, fields: []string{"A: 1", "B: 1", "C: 1"},
			filters: gateway.Filters{Request: &gateway.HeaderChange{
				Remove: []string{"a"}, Set: []gateway.NameValue{{Name: "b", Value: "2"}}, Add: []gateway.NameValue{{Name: "c", Value: "2"}},
			}},
			want: map[string]string{"Got-A": "", "Got-B": "2", "Got-C": "1,2"},
		},
		"ResponseHeaders": {
			reason: "response headers are removed and set", path: "/x", status: 200,
			filters: gateway.Filters{Response: &gateway.HeaderChange{Remove: []string{"got-path"}, Set: []gateway.NameValue{{Name: "backend", Value: "other"}}}},
			want:    map[string]string{"Got-Path": "", "Backend": "other"},
		},
		"RewritePrefix": {
			reason: "a prefix is replaced", path: "/x/y?z=1", status: 200,
			filters: gateway.Filters{Rewrite: &gateway.Rewrite{Hostname: "inner", Path: gateway.PathChange{Prefix: new("/")}}},
			want:    map[string]string{"Got-Path": "/y?z=1", "Got-Host": "inner"},
		},
		"RewriteFull": {
			reason: "a path is replaced", path: "/x/y", status: 200,
			filters: gateway.Filters{Rewrite: &gateway.Rewrite{Path: gateway.PathChange{Full: new("/one")}}},
			want:    map[string]string{"Got-Path": "/one"},
		},
		"Redirect": {
			reason: "a redirect keeps what it does not change", path: "/x/y?z=1", status: 301, fields: []string{"Host: api.example.com:8080"},
			filters: gateway.Filters{Redirect: &gateway.Redirect{Scheme: "https", Status: 301, Path: gateway.PathChange{Prefix: new("/new")}}},
			want:    map[string]string{"Location": "https://api.example.com/new/y?z=1", "Backend": ""},
		},
		"RedirectPort": {
			reason: "a redirect names a port that its scheme does not imply", path: "/x", status: 302,
			filters: gateway.Filters{Redirect: &gateway.Redirect{Hostname: "example.org", Port: 8443}},
			want:    map[string]string{"Location": "http://example.org:8443/x"},
		},
		"Preflight": {
			reason: "a preflight is answered by the gateway", method: "OPTIONS", path: "/x", status: 204, filters: gateway.Filters{CORS: cors},
			fields: []string{"Origin: https://a.b.bar.com", "Access-Control-Request-Method: GET"},
			want: map[string]string{
				"Access-Control-Allow-Origin": "https://a.b.bar.com", "Access-Control-Allow-Methods": "GET, OPTIONS", "Access-Control-Allow-Headers": "x-header-1",
				"Access-Control-Expose-Headers": "x-header-3", "Access-Control-Max-Age": "3600", "Access-Control-Allow-Credentials": "true", "Backend": "",
			},
		},
		"PreflightOfOther": {
			reason: "another origin is told nothing", method: "OPTIONS", path: "/x", status: 204, filters: gateway.Filters{CORS: cors},
			fields: []string{"Origin: https://evil.com/.bar.com", "Access-Control-Request-Method: GET"},
			want:   map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": ""},
		},
		"PreflightOfAny": {
			reason: "with credentials wildcards are what was asked for", method: "OPTIONS", path: "/x", status: 204,
			filters: gateway.Filters{CORS: &gateway.CORS{Origins: []string{"*"}, Methods: []string{"*"}, Headers: []string{"*"}, Credentials: true}},
			fields:  []string{"Origin: https://a.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-1"},
			want: map[string]string{
				"Access-Control-Allow-Origin": "https://a.com", "Access-Control-Allow-Methods": "PUT", "Access-Control-Allow-Headers": "x-1", "Access-Control-Max-Age": "5",
			},
		},
		"CrossOrigin": {
			reason: "an answer says to whom it may be shown", path: "/x", status: 200, filters: gateway.Filters{CORS: cors}, fields: []string{"Origin: https://www.foo.com:443"},
			want: map[string]string{"Access-Control-Allow-Origin": "https://www.foo.com:443", "Vary": "Origin", "Backend": "web"},
		},
		"NoRoute": {reason: "what nothing matches is 404", path: "/y", status: 404, want: map[string]string{"Content-Type": "application/problem+json"}},
		"GRPCError": {
			reason: "a gRPC client is told in its own words", method: "POST", path: "/y", status: 200, fields: []string{"Content-Type: application/grpc+proto"},
			want: map[string]string{"Grpc-Status": "12", "Content-Type": "application/grpc"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rule(prefix("/x"), "web")
			r.Filters = tc.filters
			g := open(t, config([]*gateway.Backend{backendAt("web", echo(t, "web"))}, route(r)))
			method := tc.method
			if method == "" {
				method = "GET"
			}
			res, body := g.ask(t, method, tc.path, "", tc.fields...)
			if res.StatusCode != tc.status {
				t.Fatalf("%s: status %d, want %d: %s", tc.reason, res.StatusCode, tc.status, body)
			}
			for name, want := range tc.want {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", tc.reason, name, got, want)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(http.NotFoundHandler())
	gone := backendAt("gone", dead)
	dead.Close()
	backends := []*gateway.Backend{backendAt("web", echo(t, "web")), gone, {ID: "empty"}}
	policed := func(r gateway.Rule) gateway.Rule {
		r.Filters.Authorization, r.Filters.RateLimits, r.Filters.Lifecycle = []string{"default/auth"}, []string{"default/limit"}, "default/life"
		return r
	}
	rejected := rule(prefix("/"), "web")
	rejected.Reject = 500
	small := rule(prefix("/"), "web")
	small.MaxBody = 3
	allowed := exchange.Decision{Allowed: true, Limit: 100, Window: time.Minute, Remaining: 99, Reset: 600 * time.Millisecond}
	cases := map[string]struct {
		reason string
		rule   gateway.Rule
		guard  guard
		flags  map[string]map[string]bool
		body   string
		status int
		flag   exchange.Flag
		want   map[string]string
	}{
		"Rejected":   {reason: "a rule that cannot be resolved is 500", rule: rejected, status: 500, flag: exchange.FlagNoCluster},
		"Invalid":    {reason: "a backend that cannot be resolved is 500", rule: rule(prefix("/"), ""), status: 500, flag: exchange.FlagNoCluster},
		"NoBackends": {reason: "a rule without backends is 500", rule: rule(prefix("/")), status: 500, flag: exchange.FlagNoCluster},
		"Empty":      {reason: "no endpoints are 503", rule: rule(prefix("/"), "empty"), status: 503, flag: exchange.FlagNoHealthy},
		"Gone":       {reason: "an endpoint that is not there is 503", rule: rule(prefix("/"), "gone"), status: 503, flag: exchange.FlagConnectFailure},
		"TooLarge":   {reason: "a body beyond the limit is 413", rule: small, body: "1234", status: 413, flag: exchange.FlagTooLarge},
		"Full":       {reason: "what is shed is 503", rule: rule(prefix("/"), "web"), guard: guard{full: errors.New("full")}, status: 503, flag: exchange.FlagOverload, want: map[string]string{"Retry-After": "1"}},
		"Unauthorized": {
			reason: "who is refused gets the challenge and the life cycle", rule: policed(rule(prefix("/"), "web")),
			guard:  guard{refusal: &exchange.Refusal{Status: 401, Challenge: "Bearer", Detail: "no"}, decision: allowed},
			status: 401, flag: exchange.FlagUnauthorized, want: map[string]string{"WWW-Authenticate": "Bearer", "Deprecation": "@1767225600"},
		},
		"NoFlag": {
			reason: "a version that is not switched on is not there", rule: policed(rule(prefix("/"), "web")),
			guard:  guard{identity: &gateway.Identity{Tenant: "other"}, decision: allowed},
			status: 404, flag: exchange.FlagNoFlag, want: map[string]string{"Sunset": "Fri, 01 Jan 2027 00:00:00 GMT"},
		},
		"Limited": {
			reason: "who is over the rate is told when to come again", rule: policed(rule(prefix("/"), "web")),
			guard:  guard{identity: &gateway.Identity{Tenant: "shop"}, decision: exchange.Decision{Limit: 100, Window: time.Minute, RetryAfter: 1200 * time.Millisecond}},
			status: 429, flag: exchange.FlagRateLimited, want: map[string]string{"Retry-After": "2", "RateLimit": `"limit";r=0;t=1`, "X-RateLimit-Remaining": "0"},
		},
		"Passes": {
			reason: "who may pass, passes, and the backend knows who it is", rule: policed(rule(prefix("/"), "web")),
			guard:  guard{identity: &gateway.Identity{Kind: gateway.Workload, Tenant: "shop", Subject: "s", Client: "c"}, decision: allowed},
			status: 200, want: map[string]string{
				"Got-X-Roadbed-Tenant": "shop", "Got-X-Roadbed-Subject": "s", "Got-X-Roadbed-Client": "c", "RateLimit-Policy": `"limit";q=100;w=60`,
				"RateLimit": `"limit";r=99;t=1`, "X-RateLimit-Limit": "100", "Link": `</v2>; rel="successor-version"`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(backends, route(tc.rule))
			c.Authorizations = map[string]*gateway.Authorization{"default/auth": {Name: "default/auth"}}
			c.RateLimits = map[string]*gateway.RateLimit{"default/limit": {Name: "default/limit"}}
			c.Lifecycles = map[string]*gateway.Lifecycle{"default/life": {
				Name: "default/life", API: "databases", Version: "v1", Stage: "deprecated", Flag: "databases-v1", Successor: "/v2",
				Deprecated: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Sunset: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
			}}
			c.Flags = map[string]map[string]bool{"databases-v1": {"shop": true}}
			guard := tc.guard
			g := open(t, c, guard.options()...)
			method := "GET"
			if tc.body != "" {
				method = "POST"
			}
			res, body := g.ask(t, method, "/", tc.body)
			x := guard.last(t)
			if res.StatusCode != tc.status || x.Status != tc.status || x.Flag != tc.flag {
				t.Errorf("%s: status %d, observed %d %q (%s), want %d %q", tc.reason, res.StatusCode, x.Status, x.Flag, x.Reason, tc.status, tc.flag)
			}
			for name, want := range tc.want {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", tc.reason, name, got, want)
				}
			}
			if strings.Contains(body, "127.0.0.1") || strings.Contains(body, "default/") {
				t.Errorf("the answer tells what is behind the gateway: %s", body)
			}
		})
	}
}

// TestMissingPolicy tells that a policy that is missing closes the rule.
func TestMissingPolicy(t *testing.T) {
	t.Parallel()
	closed, fine := rule(prefix("/closed"), "web"), rule(prefix("/"), "web")
	closed.Filters.Authorization = []string{"default/none"}
	g := open(t, config(nil))
	err := g.Apply(config([]*gateway.Backend{backendAt("web", echo(t, "web"))}, route(closed, fine)))
	if err == nil || !strings.Contains(err.Error(), `AuthorizationPolicy "default/none" does not exist`) {
		t.Errorf("Apply: %v", err)
	}
	if res, _ := g.ask(t, "GET", "/closed", ""); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("the rule answers %d, want 500", res.StatusCode)
	}
	if res, _ := g.ask(t, "GET", "/open", ""); res.StatusCode != http.StatusOK {
		t.Errorf("another rule answers %d, want 200", res.StatusCode)
	}
}

func TestNotReady(t *testing.T) {
	t.Parallel()
	transport := upstream.New(upstream.Options{})
	defer transport.Close()
	p := proxy.New(transport)
	defer p.Close()
	w := httptest.NewRecorder()
	p.Handler(socket).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 503 || p.Ready() {
		t.Errorf("status %d before the first Config, ready %t", w.Code, p.Ready())
	}
}

func TestTimeoutsAndRetries(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	flaky := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if asked.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(body)
	})
	release := make(chan struct{})
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	retried := rule(prefix("/flaky"), "flaky")
	retried.Retry = &gateway.Retry{Codes: []int{503}, Attempts: 2, Backoff: time.Millisecond}
	timed := rule(prefix("/slow"), "slow")
	timed.Timeouts.Request = 50 * time.Millisecond
	attempt := rule(prefix("/attempt"), "slow")
	attempt.Timeouts.Backend = 50 * time.Millisecond
	guard := &guard{}
	g := open(t, config([]*gateway.Backend{backendAt("flaky", flaky), backendAt("slow", slow)}, route(retried, timed, attempt)), guard.options()...)
	if res, body := g.ask(t, "PUT", "/flaky", "payload"); res.StatusCode != http.StatusOK || body != "payload" {
		t.Errorf("third attempt: %d %q", res.StatusCode, body)
	}
	if x := guard.last(t); x.Attempts != 3 {
		t.Errorf("%d attempts, want 3", x.Attempts)
	}
	asked.Store(0)
	if res, _ := g.ask(t, "POST", "/flaky", "payload"); res.StatusCode != http.StatusServiceUnavailable || asked.Load() != 1 {
		t.Errorf("a POST was answered %d after %d attempts, want 503 after 1", res.StatusCode, asked.Load())
	}
	for _, path := range []string{"/slow", "/attempt"} {
		if res, _ := g.ask(t, "GET", path, ""); res.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("%s: %d, want 504", path, res.StatusCode)
		}
	}
}

func TestWeightsMirrorsSessions(t *testing.T) {
	t.Parallel()
	var copies atomic.Int32
	copied := make(chan string, 100)
	shadow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		copies.Add(1)
		copied <- r.Method + " " + string(body)
	})
	weighted := rule(prefix("/"), "a", "b", "")
	weighted.Backends[0].Weight, weighted.Backends[1].Weight, weighted.Backends[2].Weight = 6, 3, 1
	weighted.Backends[1].Filters.Response = &gateway.HeaderChange{Set: []gateway.NameValue{{Name: "only", Value: "b"}}}
	sticky := rule(prefix("/sticky"), "a", "b")
	sticky.Persistence = &gateway.Persistence{Cookie: "session"}
	mirrored := rule(prefix("/mirror"), "a")
	mirrored.Filters.Mirrors = []gateway.Mirror{{Backend: "shadow"}}
	g := open(t, config([]*gateway.Backend{backendAt("a", echo(t, "a")), backendAt("b", echo(t, "b")), backendAt("shadow", shadow)}, route(weighted, sticky, mirrored)))
	got := map[string]int{}
	for range 100 {
		res, _ := g.ask(t, "GET", "/", "")
		name := res.Header.Get("Backend")
		got[fmt.Sprintf("%d %s%s", res.StatusCode, name, res.Header.Get("Only"))]++
	}
	for name, want := range map[string]int{"200 a": 60, "200 bb": 30, "500 ": 10} {
		if got[name] < want-2 || got[name] > want+2 {
			t.Errorf("shares are %v, want %d of %q", got, want, name)
		}
	}
	res, _ := g.ask(t, "GET", "/sticky", "")
	first := res.Header.Get("Backend")
	carried, err := http.ParseSetCookie(res.Header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		res, _ := g.ask(t, "GET", "/sticky", "", "Cookie: other=1; "+carried.Name+"="+carried.Value)
		if res.Header.Get("Backend") != first || res.Header.Get("Set-Cookie") != "" {
			t.Fatal("a session moved")
		}
	}
	if res, body := g.ask(t, "POST", "/mirror", "hello"); res.StatusCode != http.StatusOK || body != "hello" {
		t.Errorf("a mirrored request: %d %q", res.StatusCode, body)
	}
	if c := <-copied; c != "POST hello" {
		t.Errorf("the copy is %q", c)
	}
}

// TestUpgrade speaks another protocol through the gateway.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	backend := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = conn.Write([]byte("echo " + line))
	})
	g := open(t, config([]*gateway.Backend{backendAt("ws", backend)}, route(rule(prefix("/"), "ws"))))
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello\n")
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("answer %v, %v", res, err)
	}
	defer res.Body.Close()
	if rest, err := io.ReadAll(reader); err != nil || string(rest) != "echo hello\n" {
		t.Errorf("over the connection came %q, %v", rest, err)
	}
}

// TestGRPC sends messages both ways over HTTP/2 without TLS, with a trailer.
func TestGRPC(t *testing.T) {
	t.Parallel()
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", "0")
	}))
	backend.Config.Protocols = new(http.Protocols)
	backend.Config.Protocols.SetUnencryptedHTTP2(true)
	backend.Start()
	t.Cleanup(backend.Close)
	b := backendAt("grpc", backend)
	b.Protocol = gateway.H2C
	r := route(rule(gateway.Match{Path: gateway.PathMatch{Exact: "/pkg.Echo/Say"}}, "grpc"))
	r.Kind = gateway.GRPCRoute
	g := open(t, config([]*gateway.Backend{b}, r))
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	message := binary.BigEndian.AppendUint32([]byte{0}, 5)
	message = append(message, "hello"...)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, g.server.URL+"/pkg.Echo/Say", io.NopCloser(bytes.NewReader(message)))
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	res, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(body, message) || res.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("answer %q, %v, trailer %v", body, err, res.Trailer)
	}
}

// TestLiveChanges changes routes and endpoints under load: no request may fail.
func TestLiveChanges(t *testing.T) {
	t.Parallel()
	web := backendAt("web", echo(t, "web"), echo(t, "web"))
	steady := route(rule(prefix("/"), "web"))
	g := open(t, config([]*gateway.Backend{web}, steady))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var served, failed atomic.Int64
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, g.server.URL+"/x", nil)
				res, err := g.client.Do(r)
				if err != nil {
					failed.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				served.Add(1)
				if res.StatusCode != http.StatusOK {
					failed.Add(1)
				}
			}
		})
	}
	for i := range 100 {
		other := route(rule(prefix(fmt.Sprintf("/other-%d", i)), "web"))
		other.Name = fmt.Sprint("other-", i)
		now := *web
		now.Endpoints = web.Endpoints[i%2:]
		if err := g.Apply(config([]*gateway.Backend{&now}, steady, other)); err != nil {
			t.Error(err)
		}
		for before := served.Load(); served.Load() < before+5 && failed.Load() == 0; {
			<-time.After(time.Millisecond)
		}
	}
	stop()
	wg.Wait()
	if failed.Load() != 0 || served.Load() == 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), served.Load())
	}
}

// TestApplyReusesRoutes applies the same Config again and again.
func TestApplyReusesRoutes(t *testing.T) {
	t.Parallel()
	c := manyRoutes(500)
	transport := upstream.New(upstream.Options{})
	defer transport.Close()
	p := proxy.New(transport)
	defer p.Close()
	for range 3 {
		if err := p.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
}

func manyRoutes(n int) *gateway.Config {
	web := &gateway.Backend{ID: "web", Endpoints: []gateway.Endpoint{{Address: netip.MustParseAddrPort("127.0.0.1:1")}}}
	var routes []*gateway.Route
	for i := range n {
		r := route(rule(prefix(fmt.Sprintf("/v1/things-%d", i)), "web"))
		r.Name = fmt.Sprint("route-", i)
		routes = append(routes, r)
	}
	return config([]*gateway.Backend{web}, routes...)
}

// instant is a Transport that answers at once.
type instant struct{}

func (instant) RoundTrip(_ context.Context, _ *gateway.Backend, _ gateway.Endpoint, _ *http1.Request, res *http1.Response) error {
	res.Reset()
	res.Status = 204
	return nil
}

func (instant) Upgrade(context.Context, *gateway.Backend, gateway.Endpoint, *http1.Request, *http1.Response) (io.ReadWriteCloser, error) {
	return nil, nil
}

// silent is a front without a client.
type silent struct{}

func (silent) Respond(*http1.Response) (int64, error) { return 0, nil }

func (silent) Upgrade(*http1.Response) (io.ReadWriteCloser, error) { return nil, net.ErrClosed }

func once(p *proxy.Proxy, x *exchange.Exchange, r *http1.Request) {
	header := r.Header[:0]
	*r = http1.Request{Method: "GET", Path: "/v1/things-77/x", Authority: "api.example.com", Scheme: "http", Minor: 1, Remote: socket, Header: header}
	r.Header.Add("Accept", "*/*")
	x.Reset()
	x.Request = r
	p.ServeExchange(context.Background(), socket, silent{}, x)
}

func BenchmarkServe(b *testing.B) {
	p := proxy.New(instant{})
	defer p.Close()
	if err := p.Apply(manyRoutes(5000)); err != nil {
		b.Fatal(err)
	}
	var x exchange.Exchange
	var r http1.Request
	b.ReportAllocs()
	for b.Loop() {
		once(p, &x, &r)
	}
}

func BenchmarkApply3000(b *testing.B) {
	p := proxy.New(instant{})
	defer p.Close()
	c := manyRoutes(3000)
	for i := 0; b.Loop(); i++ {
		changed := route(rule(prefix(fmt.Sprintf("/turn-%d", i)), "web"))
		next := *c
		next.Listeners = []gateway.Listener{c.Listeners[0]}
		next.Listeners[0].Routes = append([]*gateway.Route{changed}, c.Listeners[0].Routes[1:]...)
		if err := p.Apply(&next); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAPIKeyGoesNoFurther: a backend gets the key of a Subscription only where the
// policy says that it checks it itself.
func TestAPIKeyGoesNoFurther(t *testing.T) {
	t.Parallel()
	for name, passed := range map[string]bool{"dropped": false, "passed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rule(prefix("/"), "b")
			r.Filters.Authorization = []string{"default/auth"}
			c := config([]*gateway.Backend{backendAt("b", echo(t, "b"))}, route(r))
			c.Authorizations = map[string]*gateway.Authorization{"default/auth": {Name: "default/auth", APIKeys: true, PassAPIKey: passed}}
			guarded := &guard{identity: &gateway.Identity{Kind: gateway.APIKey, Subject: "shop/key", Tenant: "shop"}}
			guarded.decision.Allowed = true
			got, _ := open(t, c, guarded.options()...).ask(t, "GET", "/", "", "X-Api-Key: secret", "Impersonate-User: admin", "X-Roadbed-Tenant: bank")
			if key := got.Header.Get("Got-X-Api-Key"); got.StatusCode != http.StatusOK || key != map[bool]string{true: "secret"}[passed] {
				t.Errorf("%d, the backend got the key %q", got.StatusCode, key)
			}
			if got.Header.Get("Got-Impersonate-User") != "" || got.Header.Get("Got-X-Roadbed-Tenant") != "shop" {
				t.Errorf("the backend got %v", got.Header)
			}
		})
	}
}
