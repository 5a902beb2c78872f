package dataplane

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// TestProtocols: WebSocket is the one protocol that a client can change to. A wish for
// another goes no further, in whatever list it is hidden, and the request is served as
// if it had not been made.
func TestProtocols(t *testing.T) {
	t.Parallel()
	const connection = "Connection: Upgrade, close\r\n"
	for name, test := range map[string]struct{ fields, want string }{
		"WebSocket":            {connection + "Upgrade: websocket\r\n", "websocket"},
		"WebSocket, capitals":  {connection + "Upgrade: WebSocket\r\n", "websocket"},
		"WebSocket of several": {connection + "Upgrade: h2c, websocket\r\n", "websocket"},
		"two fields":           {connection + "Upgrade: foo\r\nUpgrade: websocket\r\n", "websocket"},
		"h2c":                  {connection + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n", ""},
		"h2c behind another":   {connection + "Upgrade: foo, h2c\r\n", ""},
		"h2c in a second":      {connection + "Upgrade: foo\r\nUpgrade: h2c\r\n", ""},
		"h2c before another":   {connection + "Upgrade: h2c,foo\r\n", ""},
		"TLS":                  {connection + "Upgrade: TLS/1.2\r\n", ""},
		"not in Connection":    {"Connection: close\r\nUpgrade: websocket\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fronts(t, func(t *testing.T, own bool) {
				behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					for _, value := range r.Header.Values("Upgrade") {
						w.Header().Add("Got-Upgrade", value)
					}
				}))
				t.Cleanup(behind.Close)
				p := open(t, config([]*gateway.Backend{backend("apis/ws:80", behind)}, rule("/", "apis/ws:80")), options{own: own})
				answers := p.exchange(t, "GET /chat HTTP/1.1\r\nHost: a\r\n"+test.fields+"\r\n")
				if len(answers) != 1 || answers[0].status != http.StatusOK {
					t.Fatalf("%v", answers)
				}
				if got := answers[0].header.Get("Got-Upgrade"); got != test.want || len(answers[0].header.Values("Got-Upgrade")) > 1 {
					t.Errorf("the backend is asked for %q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestConnect: the gateway is nobody's tunnel, and says so before anything is asked.
func TestConnect(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		behind := record(t)
		p := open(t, config([]*gateway.Backend{backend("apis/echo:80", behind.Server)}, rule("/", "apis/echo:80")), options{own: own})
		for _, target := range []string{"/", "/path", "a:80"} {
			answers := p.exchange(t, "CONNECT "+target+" HTTP/1.1\r\nHost: a:80\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
			if len(answers) != 1 || answers[0].status != http.StatusNotImplemented && answers[0].status != http.StatusBadRequest {
				t.Errorf("CONNECT %s: %v", target, answers)
			}
		}
		if asked := behind.asked("/path") + behind.asked("/next") + behind.asked("/"); asked != 0 {
			t.Errorf("the backend was asked %d times", asked)
		}
	})
}
