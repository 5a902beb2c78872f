package front

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// TestHandOver: what is net/http's comes there whole.
func TestHandOver(t *testing.T) {
	t.Parallel()
	_, address := start(t, handlerFunc(echo), nil, Options{})
	for name, test := range map[string]struct {
		raw, want string
	}{
		"Expect":  {"POST /x HTTP/1.1\r\nHost: A.example\r\nX-Test: y\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "POST|a.example|/x|y|abc"},
		"Upgrade": {"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "GET|a|/x||"},
		"CONNECT": {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "CONNECT|a:80|/||"},
	} {
		nc, from := dial(t, address)
		// One request for this front first: the connection is handed over later.
		_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"+test.raw)
		if got := readReply(t, from, "GET"); got.header.Get("X-Front") != "" {
			t.Errorf("%s: the first answer is net/http's", name)
		}
		got := readReply(t, from, "GET")
		if got.status == http.StatusContinue {
			got = readReply(t, from, "GET")
		}
		if got.body != test.want || got.header.Get("X-Front") != "net/http" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestHTTP2WithoutTLS: clients that know that they may begin with HTTP/2.
func TestHTTP2WithoutTLS(t *testing.T) {
	t.Parallel()
	_, address := start(t, handlerFunc(echo), nil, Options{})
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for range 2 {
		askOther(t, &http.Client{Transport: transport}, "http://"+address+"/x", "HTTP/2.0")
	}
}

// TestTLS: HTTP/2 by ALPN is net/http's, HTTP/1.1 ours, and what is handed over
// from there still knows of TLS.
func TestTLS(t *testing.T) {
	t.Parallel()
	ours := handlerFunc(func(_ context.Context, w exchange.Responder, req *http1.Request) {
		say(w, 200, fmt.Sprint("ours ", req.Scheme, " ", req.TLS != nil && req.TLS.ServerName == "example.com"))
	})
	other := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Front", "net/http")
		_, _ = fmt.Fprint(w, r.TLS != nil && r.TLS.ServerName == "example.com")
	}
	issuer := httptest.NewUnstartedServer(nil)
	issuer.StartTLS() // for its certificate
	issuer.Close()
	config := &tls.Config{Certificates: issuer.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	server := New(netip.MustParseAddrPort(listener.Addr().String()), ours, http.HandlerFunc(other), Options{})
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })

	client := issuer.Client()
	transport := client.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.ServerName = "example.com"
	transport.ForceAttemptHTTP2 = true
	defer transport.CloseIdleConnections()
	if body := askOther(t, &http.Client{Transport: transport}, "https://"+listener.Addr().String()+"/", "HTTP/2.0"); body != "true" {
		t.Error(body)
	}
	clientTLS := transport.TLSClientConfig.Clone()
	clientTLS.NextProtos = []string{"http/1.1"}
	nc, err := tls.Dial("tcp", listener.Addr().String(), clientTLS)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	from := bufio.NewReader(nc)
	for range 2 {
		_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if got := readReply(t, from, "GET"); got.body != "ours https true" {
			t.Errorf("%v", got)
		}
	}
	_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	if got := readReply(t, from, "GET"); got.body != "true" || got.header.Get("X-Front") != "net/http" {
		t.Errorf("%v", got)
	}
}

func askOther(t *testing.T, client *http.Client, url, proto string) string {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.Proto != proto || res.Header.Get("X-Front") != "net/http" {
		t.Errorf("%s %v %v", res.Proto, res.Header, err)
	}
	return string(body)
}

// TestBothFronts sends the same requests to this front and to net/http's. Where
// both take one they give the same answer; this one may refuse more, never less.
func TestBothFronts(t *testing.T) {
	t.Parallel()
	_, ours := start(t, handlerFunc(echo), nil, Options{})
	theirs := httptest.NewServer(http.HandlerFunc(echoHTTP))
	t.Cleanup(theirs.Close)
	raw, _ := attacks(t)
	agreed := 0
	for _, request := range append(raw, "POST /a?b HTTP/1.1\r\nHost: X\r\nx-TEST: 1\r\nContent-Length: 2\r\n\r\nab") {
		if strings.HasPrefix(request, "CONNECT") || strings.HasPrefix(request, "OPTIONS *") {
			continue // handed over; net/http answers it itself
		}
		method, _, _ := strings.Cut(request, " ")
		var got [2]reply
		for i, address := range []string{ours, theirs.Listener.Addr().String()} {
			nc, from := dial(t, address)
			_, _ = io.WriteString(nc, request)
			if half, ok := nc.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			}
			got[i] = readReply(t, from, method)
			_ = nc.Close()
		}
		switch {
		case got[0].status != 200:
		case got[0].status != got[1].status || got[0].body != got[1].body:
			t.Errorf("%q: ours %v, net/http's %v", request, got[0], got[1])
		default:
			agreed++
		}
	}
	if agreed < 8 {
		t.Errorf("only %d requests are answered by both", agreed)
	}
}
