package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

func serveTLS(t *testing.T, h2 bool, handler http.HandlerFunc) (*gateway.Backend, *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = h2
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	protocol := gateway.HTTP1
	if h2 {
		protocol = gateway.H2
	}
	return backendOf(server.Listener.Addr(), protocol), roots
}

// TestTLS: the test server's certificate is for example.com.
func TestTLS(t *testing.T) {
	t.Parallel()
	for _, h2 := range []bool{false, true} {
		backend, roots := serveTLS(t, h2, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.TLS.ServerName+" "+r.Proto)
		})
		version := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2]
		for name, test := range map[string]struct {
			tls  gateway.ClientTLS
			want string
			kind error
		}{
			"right name":         {tls: gateway.ClientTLS{ServerName: "example.com", Roots: roots}, want: "example.com " + version},
			"one of the names":   {tls: gateway.ClientTLS{ServerName: "other.test", SubjectAltNames: []string{"a.test", "example.com"}, Roots: roots}, want: "other.test " + version},
			"wrong name":         {tls: gateway.ClientTLS{ServerName: "other.test", Roots: roots}, kind: ErrTLS},
			"none of the names":  {tls: gateway.ClientTLS{ServerName: "example.com", SubjectAltNames: []string{"a.test"}, Roots: roots}, kind: ErrTLS},
			"names, other roots": {tls: gateway.ClientTLS{ServerName: "example.com", SubjectAltNames: []string{"example.com"}, Roots: x509.NewCertPool()}, kind: ErrTLS},
			"other roots":        {tls: gateway.ClientTLS{ServerName: "example.com", Roots: x509.NewCertPool()}, kind: ErrTLS},
			"the system's roots": {tls: gateway.ClientTLS{ServerName: "example.com"}, kind: ErrTLS},
		} {
			transport := newTransport(t, Options{})
			mine := *backend
			mine.TLS = &test.tls
			for range 2 { // the second one may use a kept connection
				_, body, err := ask(t, transport, &mine, get("/"))
				if body != test.want || !errors.Is(err, test.kind) {
					t.Errorf("%s, %s: %q %v", name, version, body, err)
				}
			}
		}
	}
}

// TestTLSChanges: connections that were verified in another way are not used.
func TestTLSChanges(t *testing.T) {
	t.Parallel()
	backend, roots := serveTLS(t, false, func(http.ResponseWriter, *http.Request) {})
	transport := newTransport(t, Options{})
	backend.TLS = &gateway.ClientTLS{ServerName: "example.com", Roots: roots}
	mustAsk(t, transport, backend, get("/"))
	changed := *backend
	changed.TLS = &gateway.ClientTLS{ServerName: "other.test", Roots: roots}
	transport.Update(map[string]*gateway.Backend{changed.ID: &changed})
	if _, _, err := ask(t, transport, &changed, get("/")); !errors.Is(err, ErrTLS) {
		t.Errorf("%v", err)
	}
}

func TestPlainServerForTLS(t *testing.T) {
	t.Parallel()
	backend, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	backend.TLS = &gateway.ClientTLS{ServerName: "example.com"}
	if _, _, err := ask(t, newTransport(t, Options{}), backend, get("/")); !errors.Is(err, ErrTLS) {
		t.Errorf("%v", err)
	}
}

// TestH2C speaks HTTP/2 without TLS, with what gRPC needs.
func TestH2C(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Proto+" "+r.RequestURI+" "+r.Host+" "+r.Header.Get("Te")+" "+string(body))
		w.Header().Set("Grpc-Status", "0")
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	backend := backendOf(server.Listener.Addr(), gateway.H2C)
	transport := newTransport(t, Options{})
	for _, path := range []string{"/pkg.Service/Method", "//a%2Fb", "/a%2Fb\"{"} {
		req := post(path, "abc", -1)
		req.Query = "x=1"
		req.Header.Add("Content-Type", "application/grpc")
		res, body := mustAsk(t, transport, backend, req)
		if want := "HTTP/2.0 " + path + "?x=1 orders.example trailers abc"; res.Status != 200 || body != want || res.Trailer.Get("grpc-status") != "0" {
			t.Errorf("%d %q %v", res.Status, body, res.Trailer)
		}
	}
	server.Close()
	for end := time.Now().Add(patience); ; {
		_, _, err := ask(t, transport, backend, get("/"))
		if errors.Is(err, ErrDial) {
			return
		}
		if !errors.Is(err, ErrReset) || time.Now().After(end) {
			t.Fatalf("nobody there: %v", err)
		}
	}
}
