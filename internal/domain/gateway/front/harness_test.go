package front

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// handlerFunc is a Handler.
type handlerFunc func(ctx context.Context, w exchange.Responder, req *http1.Request)

func (f handlerFunc) ServeExchange(ctx context.Context, _ netip.AddrPort, w exchange.Responder, x *exchange.Exchange) {
	f(ctx, w, x.Request)
}

// say answers with text.
func say(w exchange.Responder, status int, text string) {
	_, _ = w.Respond(&http1.Response{
		Status: status, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)),
	})
}

// echo answers with what it was asked; other is the same for net/http.
func echo(_ context.Context, w exchange.Responder, req *http1.Request) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			say(w, http.StatusBadRequest, "bad body")
			return
		}
	}
	target := req.Path
	if req.HasQuery {
		target += "?" + req.Query
	}
	say(w, http.StatusOK, describe(req.Method, req.Authority, target, req.Header.Get("x-test"), string(body)))
}

func echoHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "bad body", http.StatusBadRequest)
		return
	}
	target := r.URL.EscapedPath()
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		target += "?" + r.URL.RawQuery
	}
	if target == "" {
		target = "/"
	}
	text := describe(r.Method, strings.ToLower(r.Host), target, r.Header.Get("X-Test"), string(body))
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = io.WriteString(w, text)
}

func describe(parts ...string) string { return strings.Join(parts, "|") }

// start serves on loopback.
func start(t testing.TB, handler Handler, other http.HandlerFunc, options Options) (*Server, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if other == nil {
		other = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Front", "net/http")
			echoHTTP(w, r)
		}
	}
	server := New(netip.MustParseAddrPort(listener.Addr().String()), handler, other, options)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	return server, listener.Addr().String()
}

// dial connects as a client that gives up in the end.
func dial(t testing.TB, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return nc, bufio.NewReader(nc)
}

// reply is an answer that was read whole.
type reply struct {
	status int
	body   string
	header http.Header
	ends   bool // it says that the connection does
}

func readReply(t testing.TB, from *bufio.Reader, method string) reply {
	t.Helper()
	res, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("the answer breaks off: %v", err)
	}
	return reply{res.StatusCode, string(body), res.Header, res.Close}
}

// attacks reads the corpus of package http1.
func attacks(t testing.TB) (raw []string, status []int) {
	t.Helper()
	corpus, err := os.ReadFile("../http1/testdata/smuggling.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(corpus) {
		code, rest, _ := strings.Cut(string(line), " ")
		number, err := strconv.Atoi(code)
		if err != nil {
			continue
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := strconv.Unquote(quoted)
		raw, status = append(raw, text), append(status, number)
	}
	return raw, status
}
