package front

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSmuggling sends the corpus over connections: what is refused has its
// status, nobody behind the front sees it or what follows, and the connection
// ends; what is good leaves the connection fit for another.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	_, address := start(t, handlerFunc(func(ctx context.Context, w exchange.Responder, req *http1.Request) {
		if req.Path == "/smuggled" {
			served.Add(1)
		}
		echo(ctx, w, req)
	}), nil, Options{})
	raw, want := attacks(t)
	for i := range raw {
		nc, from := dial(t, address)
		_, _ = io.WriteString(nc, raw[i]+"GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		method, _, _ := strings.Cut(raw[i], " ")
		got := readReply(t, from, method)
		if got.status != want[i] {
			t.Errorf("%q: %d, want %d", raw[i], got.status, want[i])
		}
		before := served.Load()
		rest, _ := io.ReadAll(from)
		old := strings.Contains(raw[i], "HTTP/1.0")
		if follows := len(rest) > 0; follows != (want[i] == 200 && !old) {
			t.Errorf("%q is followed by %q", raw[i], rest)
		}
		if want[i] != 200 && served.Load() != before {
			t.Errorf("%q carries another request", raw[i])
		}
		if want[i] != 200 && got.status == want[i] && !got.ends && !strings.Contains(got.body, "bad body") {
			t.Errorf("%q: the client is not told that the connection ends", raw[i])
		}
		_ = nc.Close()
	}
}

// TestPipeline answers requests that come at once in their order, and those that
// come byte by byte.
func TestPipeline(t *testing.T) {
	t.Parallel()
	_, address := start(t, handlerFunc(echo), nil, Options{})
	nc, from := dial(t, address)
	var all strings.Builder
	for i := range 20 {
		fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", i)
	}
	go func() {
		_, _ = io.WriteString(nc, all.String())
		for _, b := range []byte(all.String()) {
			if _, err := nc.Write([]byte{b}); err != nil {
				return
			}
		}
	}()
	for i := range 40 {
		if got := readReply(t, from, "POST"); got.status != 200 || got.body != fmt.Sprintf("POST|a|/%d||abc", i%20) {
			t.Fatalf("%d: %v", i, got)
		}
	}
}

// TestKeepAlive ends connections when the client wants it, and says so.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	_, address := start(t, handlerFunc(echo), nil, Options{})
	for head, want := range map[string]struct {
		connection string
		ends       bool
	}{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                           {"", false},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n":   {"", true},
		"GET / HTTP/1.0\r\nHost: a\r\n\r\n":                           {"", true},
		"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n": {"keep-alive", false},
	} {
		nc, from := dial(t, address)
		_, _ = io.WriteString(nc, head)
		got := readReply(t, from, "GET")
		if got.ends != want.ends || got.header.Get("Connection") != want.connection || got.header.Get("Date") == "" {
			t.Errorf("%q: %v", head, got.header)
		}
		_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		rest, _ := io.ReadAll(from)
		if (len(rest) == 0) != want.ends {
			t.Errorf("%q: then %q", head, rest)
		}
	}
}

// TestSlowClients are cut off: in the head with an answer, between requests
// without, in the body by an error to the handler.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	body := make(chan error, 1)
	handler := handlerFunc(func(_ context.Context, w exchange.Responder, req *http1.Request) {
		_, err := io.ReadAll(req.Body)
		body <- err
		say(w, http.StatusRequestTimeout, "slow")
	})
	const short = 30 * time.Millisecond
	_, address := start(t, handler, nil, Options{HeadTimeout: short})
	nc, from := dial(t, address)
	_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHos")
	if got := readReply(t, from, "GET"); got.status != http.StatusRequestTimeout {
		t.Errorf("half a head: %v", got)
	}
	_, address = start(t, handler, nil, Options{IdleTimeout: short})
	_, from = dial(t, address)
	if rest, err := io.ReadAll(from); len(rest) > 0 || err != nil {
		t.Errorf("silence: %q %v", rest, err)
	}
	_, address = start(t, handler, nil, Options{BodyTimeout: short})
	nc, from = dial(t, address)
	_, _ = io.WriteString(nc, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab")
	if got := readReply(t, from, "POST"); got.status != http.StatusRequestTimeout || !got.ends {
		t.Errorf("half a body: %v", got)
	}
	if err := <-body; err == nil {
		t.Error("half a body is a whole one")
	}
}

// TestUnreadBody: a handler need not read a body. A short one that is here
// already is skipped, after a long one the connection ends.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	_, address := start(t, handlerFunc(func(_ context.Context, w exchange.Responder, _ *http1.Request) {
		say(w, http.StatusForbidden, "no")
	}), nil, Options{})
	nc, from := dial(t, address)
	short := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
	_, _ = io.WriteString(nc, short+short)
	for range 2 {
		if got := readReply(t, from, "POST"); got.status != http.StatusForbidden || got.ends {
			t.Errorf("%v", got)
		}
	}
	_, _ = io.WriteString(nc, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc")
	if got := readReply(t, from, "POST"); got.status != http.StatusForbidden || !got.ends {
		t.Errorf("%v", got)
	}
	_, _ = nc.Write(make([]byte, 100_000)) // it may fail, but must not take the answer away
	if rest, _ := io.ReadAll(from); len(rest) > 0 {
		t.Errorf("then %q", rest)
	}
}

// TestNoAnswer: a handler that does not answer, and one that crashes, cost their
// connection and nothing else.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	_, address := start(t, handlerFunc(func(_ context.Context, w exchange.Responder, req *http1.Request) {
		switch req.Path {
		case "/crash":
			panic("crash")
		case "/ok":
			say(w, http.StatusOK, "ok")
		}
	}), nil, Options{})
	for _, path := range []string{"/crash", "/nothing"} {
		nc, from := dial(t, address)
		_, _ = io.WriteString(nc, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		if rest, _ := io.ReadAll(from); len(rest) > 0 {
			t.Errorf("%s: %q", path, rest)
		}
	}
	nc, from := dial(t, address)
	_, _ = io.WriteString(nc, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := readReply(t, from, "GET"); got.body != "ok" {
		t.Errorf("%v", got)
	}
}

// TestShutdown answers what is under way, ends what waits, and takes no more.
func TestShutdown(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	server, address := start(t, handlerFunc(func(_ context.Context, w exchange.Responder, req *http1.Request) {
		if req.Path == "/slow" {
			close(begun)
			<-release
		}
		say(w, http.StatusOK, "ok")
	}), nil, Options{})
	idle, idleFrom := dial(t, address)
	_, _ = io.WriteString(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	readReply(t, idleFrom, "GET")
	slow, slowFrom := dial(t, address)
	_, _ = io.WriteString(slow, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		ended <- server.Shutdown(ctx)
	}()
	if rest, err := io.ReadAll(idleFrom); len(rest) > 0 || err != nil {
		t.Errorf("a connection that waits: %q %v", rest, err)
	}
	select {
	case err := <-ended:
		t.Errorf("an answer is not waited for: %v", err)
	default:
	}
	close(release)
	if got := readReply(t, slowFrom, "GET"); got.body != "ok" || !got.ends {
		t.Errorf("%v", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
