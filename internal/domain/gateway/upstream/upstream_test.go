package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExchanges are those that go well, all over one connection.
func TestExchanges(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 64<<10)
	backend, connections := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI+" "+r.Host+" "+strconv.FormatInt(r.ContentLength, 10))
		switch r.URL.Path {
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/large":
			_, _ = io.WriteString(w, large)
		case "/trailer":
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "abc")
			w.Header().Set("X-Sum", "3")
		default:
			// net/http stops reading a body once the answer has begun.
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		}
	})
	transport := newTransport(t, Options{})
	for _, test := range []struct {
		req          *http1.Request
		status       int
		body, seen   string
		trailer, why string
	}{
		{req: get("/"), status: 200, seen: "GET / orders.example 0"},
		{req: get("/a%2Fb"), status: 200, seen: "GET /a%2Fb orders.example 0", why: "escapes stay"},
		{req: get("/none"), status: 204, seen: "GET /none orders.example 0"},
		{req: &http1.Request{Method: "HEAD", Path: "/large", Authority: "a"}, status: 200, seen: "HEAD /large a 0"},
		{req: post("/", "abc", 3), status: 200, body: "abc", seen: "POST / orders.example 3"},
		{req: post("/", "", 0), status: 200, seen: "POST / orders.example 0", why: "a length of 0 is said"},
		{req: post("/", "abc", -1), status: 200, body: "abc", seen: "POST / orders.example -1", why: "chunked"},
		{req: post("/", large[:100_000], 100_000), status: 200, body: large[:100_000], seen: "POST / orders.example 100000", why: "streamed"},
		{req: get("/large"), status: 200, body: large, seen: "GET /large orders.example 0"},
		{req: get("/trailer"), status: 200, body: "abc", trailer: "3", seen: "GET /trailer orders.example 0"},
	} {
		res, body := mustAsk(t, transport, backend, test.req)
		if res.Status != test.status || body != test.body || res.Header.Get("x-seen") != test.seen || res.Trailer.Get("x-sum") != test.trailer {
			t.Errorf("%s: %d, %d bytes, %v, %v", test.why, res.Status, len(body), res.Header, res.Trailer)
		}
		if res.Header.Has("connection") || res.Header.Has("content-length") || res.Header.Has("transfer-encoding") {
			t.Errorf("fields of one connection are left: %v", res.Header)
		}
	}
	if n := connections.Load(); n > 1 {
		t.Errorf("%d connections for requests one after the other", n)
	}
}

// TestHopByHop: what is for one connection only goes no further.
func TestHopByHop(t *testing.T) {
	t.Parallel()
	var seen http.Header
	backend, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		w.Header().Set("Connection", "X-Private")
		w.Header().Set("X-Private", "1")
		w.Header().Set("Keep-Alive", "timeout=5")
	})
	req := get("/")
	req.Header = http1.Header{
		{Name: "Keep-Alive", Value: "1"},
		{Name: "TE", Value: "trailers"},
		{Name: "Upgrade", Value: "h2c"},
		{Name: "Proxy-Connection", Value: "x"},
		{Name: "Expect", Value: "100-continue"},
		{Name: "Content-Length", Value: "7"},
		{Name: "X-Kept", Value: "1"},
	}
	res, _ := mustAsk(t, newTransport(t, Options{}), backend, req)
	if len(seen) != 1 || seen.Get("X-Kept") != "1" {
		t.Errorf("the backend sees %v", seen)
	}
	if res.Header.Has("x-private") || res.Header.Has("keep-alive") {
		t.Errorf("the client sees %v", res.Header)
	}
}

// TestBadServers holds answers to HTTP.
func TestBadServers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		kind   error
	}{
		"nothing":              {"", ErrReset},
		"half a head":          {"HTTP/1.1 200 OK\r\nContent-Le", ErrReset},
		"no HTTP":              {"SSH-2.0-OpenSSH_9.2\r\n\r\n", ErrProtocol},
		"HTTP/2":               {"HTTP/2.0 200 OK\r\n\r\n", ErrProtocol},
		"bare LF":              {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", ErrProtocol},
		"two framings":         {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ErrProtocol},
		"two lengths":          {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ErrProtocol},
		"unknown coding":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", ErrProtocol},
		"fold":                 {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", ErrProtocol},
		"endless head":         {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 70<<10), ErrProtocol},
		"switches unasked":     {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", ErrProtocol},
		"short body":           {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", ErrReset},
		"short chunks":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab", ErrReset},
		"broken chunks":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nab", ErrProtocol},
		"interim answers only": {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", ErrReset},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := script(t, func(_ int, nc net.Conn, requests *bufio.Reader) {
				if readRequest(requests) == nil {
					_, _ = io.WriteString(nc, test.answer)
				}
			})
			_, _, err := ask(t, newTransport(t, Options{}), backend, get("/"))
			if !errors.Is(err, test.kind) {
				t.Errorf("%v, want %v", err, test.kind)
			}
		})
	}
}

// TestAnswersToTheEnd: HTTP/1.0, interim answers and bodies that end with the
// connection are HTTP too.
func TestAnswersToTheEnd(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"HTTP/1.0 200 OK\r\n\r\nabc":                                                         "abc",
		"HTTP/1.1 200\r\nConnection: close\r\n\r\nabc":                                       "abc",
		"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na": "a",
	} {
		backend := script(t, func(_ int, nc net.Conn, requests *bufio.Reader) {
			if readRequest(requests) == nil {
				_, _ = io.WriteString(nc, answer)
			}
		})
		if res, body := mustAsk(t, newTransport(t, Options{}), backend, get("/")); res.Status != 200 || body != want {
			t.Errorf("%q: %d %q", answer, res.Status, body)
		}
	}
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// TestLeftovers: a connection with bytes that nobody asked for is not used again,
// whether they come with the answer or later.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	late := make(chan struct{})
	backend := script(t, func(number int, nc net.Conn, requests *bufio.Reader) {
		if readRequest(requests) != nil {
			return
		}
		switch number {
		case 0:
			_, _ = io.WriteString(nc, fine+fine)
		case 1:
			_, _ = io.WriteString(nc, fine)
			<-late
			_, _ = io.WriteString(nc, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
			late <- struct{}{}
		default:
			_, _ = io.WriteString(nc, fine)
		}
	})
	transport := newTransport(t, Options{})
	for step := range 3 {
		if step == 2 {
			late <- struct{}{}
			<-late
		}
		if res, body := mustAsk(t, transport, backend, get("/")); res.Status != 200 || body != "ok" {
			t.Errorf("step %d: %d %q", step, res.Status, body)
		}
	}
}

// TestClosedWhileIdle: an endpoint that closes a kept connection costs nobody a
// request, not even one that must not be repeated.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	var closed sync.WaitGroup
	backend := script(t, func(_ int, nc net.Conn, requests *bufio.Reader) {
		if readRequest(requests) == nil {
			_, _ = io.WriteString(nc, fine)
		}
		_ = nc.Close()
		closed.Done()
	})
	transport := newTransport(t, Options{})
	for _, req := range []*http1.Request{get("/"), post("/", "abc", 3), post("/", "abc", -1)} {
		closed.Add(1)
		if res, _ := mustAsk(t, transport, backend, req); res.Status != 200 {
			t.Errorf("%d", res.Status)
		}
		closed.Wait()
	}
}

// TestReused: a kept connection that ends when the request is there is told
// apart from a new one that does.
func TestReused(t *testing.T) {
	t.Parallel()
	backend := script(t, func(number int, nc net.Conn, requests *bufio.Reader) {
		if number == 0 && readRequest(requests) == nil {
			_, _ = io.WriteString(nc, fine)
		}
		_ = readRequest(requests)
	})
	transport := newTransport(t, Options{})
	mustAsk(t, transport, backend, get("/"))
	if _, _, err := ask(t, transport, backend, get("/")); !errors.Is(err, ErrReused) {
		t.Errorf("kept: %v", err)
	}
	if _, _, err := ask(t, transport, backend, get("/")); !errors.Is(err, ErrReset) || errors.Is(err, ErrReused) {
		t.Errorf("new: %v", err)
	}
}

// TestDial: nobody there, and a Transport that is closed.
func TestDial(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backend := backendOf(listener.Addr(), gateway.HTTP1)
	_ = listener.Close()
	transport := New(Options{})
	if _, _, err := ask(t, transport, backend, get("/")); !errors.Is(err, ErrDial) {
		t.Errorf("%v", err)
	}
	transport.Close()
	if _, _, err := ask(t, transport, backend, get("/")); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestTime: deadlines and given up contexts end an exchange wherever it is.
func TestTime(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	backend := script(t, func(_ int, nc net.Conn, requests *bufio.Reader) {
		req, err := http.ReadRequest(requests)
		if err != nil {
			return
		}
		if req.URL.Path == "/half" {
			_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
		}
		<-release
	})
	transport := newTransport(t, Options{})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	res := new(http1.Response)
	if err := transport.RoundTrip(ctx, backend, backend.Endpoints[0], get("/"), res); !errors.Is(err, ErrTimeout) {
		t.Errorf("head: %v", err)
	}
	release <- struct{}{}

	ctx, give := context.WithCancel(t.Context())
	if err := transport.RoundTrip(ctx, backend, backend.Endpoints[0], get("/half"), res); err != nil {
		t.Fatal(err)
	}
	give()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("a body outlives its context")
	}
	_ = res.Body.Close()
	release <- struct{}{}

	// Another goroutine closes the body that is being read.
	if err := transport.RoundTrip(t.Context(), backend, backend.Endpoints[0], get("/half"), res); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := io.ReadAll(res.Body); ended <- err }()
	_ = res.Body.Close()
	if err := <-ended; err == nil {
		t.Error("closing the body does not end its reading")
	}
	release <- struct{}{}
}

// TestIdle: what was not used for long is closed, and no more is kept than said.
func TestIdle(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Now())
	backend, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	transport := newTransport(t, Options{Clock: clock, MaxIdle: 1})
	var together sync.WaitGroup
	for range 4 {
		together.Go(func() { mustAsk(t, transport, backend, get("/")) })
	}
	together.Wait()
	p, err := transport.pool(backend, backend.Endpoints[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	if n := p.idleCount(); n != 1 {
		t.Errorf("%d connections are kept", n)
	}
	for deadline := time.Now().Add(patience); p.idleCount() > 0; {
		if time.Now().After(deadline) {
			t.Fatal("an idle connection is kept")
		}
		clock.Step(time.Minute)
	}
}

func (p *pool) idleCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// TestUpdate: connections outlive a change that does not concern them, and no
// exchange is cut by one that does.
func TestUpdate(t *testing.T) {
	t.Parallel()
	step := make(chan struct{})
	backend, connections := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			w.(http.Flusher).Flush()
			<-step
		}
		_, _ = io.WriteString(w, "ok")
	})
	transport := newTransport(t, Options{})
	mustAsk(t, transport, backend, get("/"))
	same := *backend
	transport.Update(map[string]*gateway.Backend{same.ID: &same})
	mustAsk(t, transport, &same, get("/"))
	mustAsk(t, transport, backend, get("/"))
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections after a change that changes nothing", n)
	}
	res := new(http1.Response)
	if err := transport.RoundTrip(t.Context(), &same, same.Endpoints[0], get("/slow"), res); err != nil {
		t.Fatal(err)
	}
	p, _ := transport.pool(&same, same.Endpoints[0].Address)
	transport.Update(nil)
	close(step)
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ok" {
		t.Errorf("an exchange of an endpoint that is gone: %q %v", body, err)
	}
	_ = res.Body.Close()
	if p.idleCount() != 0 {
		t.Error("a connection to an endpoint that is gone is kept")
	}
}
