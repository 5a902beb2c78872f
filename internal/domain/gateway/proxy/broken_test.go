package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// TestBrokenBackends tells what clients see of backends that do not do as they should.
func TestBrokenBackends(t *testing.T) {
	t.Parallel()
	says := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			fmt.Fprint(conn, text)
			_ = conn.Close()
		}
	}
	cases := map[string]struct {
		reason string
		says   string
		status int // 0: the answer is cut
		flag   exchange.Flag
	}{
		"Nothing":   {"a backend that hangs up is 502", "", 502, exchange.FlagReset},
		"NotHTTP":   {"a backend that does not speak HTTP is 502", "SSH-2.0-x\r\n\r\n", 502, exchange.FlagProtocol},
		"CutKnown":  {"an answer that ends early does not look whole", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 0, exchange.FlagReset},
		"CutChunks": {"a chunked answer that ends early does not look whole", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0, exchange.FlagReset},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			guard := &guard{}
			g := open(t, config([]*gateway.Backend{backendAt("web", serve(t, says(tc.says)))}, route(rule(prefix("/"), "web"))), guard.options()...)
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, g.server.URL+"/", nil)
			res, err := g.client.Do(r)
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
			x := guard.last(t)
			switch {
			case tc.status == 0 && err == nil:
				t.Errorf("%s: the client was not told", tc.reason)
			case tc.status != 0 && (err != nil || res.StatusCode != tc.status):
				t.Errorf("%s: %v, %v", tc.reason, res, err)
			case x.Flag != tc.flag:
				t.Errorf("%s: flag %q (%s), want %q", tc.reason, x.Flag, x.Reason, tc.flag)
			}
		})
	}
}

// TestAnswerBeforeBody tells that a client that is slow to send is answered by a
// backend that does not wait for it.
func TestAnswerBeforeBody(t *testing.T) {
	t.Parallel()
	early := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
	})
	g := open(t, config([]*gateway.Backend{backendAt("web", early)}, route(rule(prefix("/"), "web"))))
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	status := make([]byte, len("HTTP/1.1 403"))
	if _, err := io.ReadFull(conn, status); err != nil || string(status) != "HTTP/1.1 403" {
		t.Errorf("answered %q, %v", status, err)
	}
}
