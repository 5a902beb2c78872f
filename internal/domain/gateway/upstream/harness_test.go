package upstream

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

func newTransport(t testing.TB, options Options) *Transport {
	t.Helper()
	transport := New(options)
	t.Cleanup(transport.Close)
	return transport
}

// backendOf is a backend with one endpoint.
func backendOf(address net.Addr, protocol gateway.AppProtocol) *gateway.Backend {
	endpoint := netip.MustParseAddrPort(address.String())
	return &gateway.Backend{
		ID: "shop/orders:80", Protocol: protocol, Endpoints: []gateway.Endpoint{{Address: endpoint}},
	}
}

// serve starts a real server that counts its connections.
func serve(t testing.TB, handler http.HandlerFunc) (*gateway.Backend, *atomic.Int64) {
	t.Helper()
	connections := new(atomic.Int64)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return backendOf(server.Listener.Addr(), gateway.HTTP1), connections
}

// script starts a server that is a function of the connection.
func script(t testing.TB, talk func(number int, nc net.Conn, requests *bufio.Reader)) *gateway.Backend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for number := 0; ; number++ {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			_ = nc.SetDeadline(time.Now().Add(patience))
			talk(number, nc, bufio.NewReader(nc))
			_ = nc.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return backendOf(listener.Addr(), gateway.HTTP1)
}

// get is a request without a body.
func get(path string) *http1.Request {
	return &http1.Request{Method: http.MethodGet, Path: path, Authority: "orders.example", Minor: 1}
}

// post is a request with a body of a length that is known or not.
func post(path, body string, length int64) *http1.Request {
	return &http1.Request{
		Method: http.MethodPost, Path: path, Authority: "orders.example", Minor: 1,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: length,
	}
}

// ask makes one exchange and reads all of it.
func ask(t testing.TB, transport *Transport, backend *gateway.Backend, req *http1.Request) (*http1.Response, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	res := new(http1.Response)
	if err := transport.RoundTrip(ctx, backend, backend.Endpoints[0], req, res); err != nil {
		return nil, "", err
	}
	if res.Body == nil {
		return res, "", nil
	}
	body, err := io.ReadAll(res.Body)
	if closed := res.Body.Close(); closed != nil {
		t.Errorf("closing the body: %v", closed)
	}
	return res, string(body), err
}

func mustAsk(t testing.TB, transport *Transport, backend *gateway.Backend, req *http1.Request) (*http1.Response, string) {
	t.Helper()
	res, body, err := ask(t, transport, backend, req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.Path, err)
	}
	return res, body
}

// readRequest takes one request off a scripted connection.
func readRequest(requests *bufio.Reader) error {
	req, err := http.ReadRequest(requests)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}
