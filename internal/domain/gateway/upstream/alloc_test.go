package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// plainServer answers every read with one answer and allocates nothing.
func plainServer(t testing.TB) *gateway.Backend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		nc, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = nc.Close() }()
		buf, answer := make([]byte, 4096), []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
		for {
			if _, err := nc.Read(buf); err != nil {
				return
			}
			if _, err := nc.Write(answer); err != nil {
				return
			}
		}
	}()
	return backendOf(listener.Addr(), gateway.HTTP1)
}

func exchange(t testing.TB, transport *Transport, backend *gateway.Backend, req *http1.Request, res *http1.Response, buf []byte) {
	if err := transport.RoundTrip(context.Background(), backend, backend.Endpoints[0], req, res); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := res.Body.Read(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = res.Body.Close()
}

// TestNoAllocation holds small exchanges to the promise.
func TestNoAllocation(t *testing.T) {
	backend, transport := plainServer(t), newTransport(t, Options{})
	req, res, buf := get("/"), new(http1.Response), make([]byte, 512)
	req.Header.Add("User-Agent", "test")
	exchange(t, transport, backend, req, res, buf)
	if n := testing.AllocsPerRun(200, func() { exchange(t, transport, backend, req, res, buf) }); n >= 1 {
		t.Errorf("%.2f allocations for an exchange", n)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	backend, transport := plainServer(b), newTransport(b, Options{})
	req, res, buf := get("/"), new(http1.Response), make([]byte, 512)
	b.ReportAllocs()
	for b.Loop() {
		exchange(b, transport, backend, req, res, buf)
	}
}
