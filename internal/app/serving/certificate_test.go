package serving

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"
)

func TestCertificateServesItsHost(t *testing.T) {
	t.Parallel()
	now := time.Now()
	made, err := Issue(now, time.Hour, "127.0.0.1", "roadbed-webhook.roadbed-system.svc")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		host  string
		until time.Time
		fine  bool
	}{
		{"127.0.0.1", now, true},
		{"roadbed-webhook.roadbed-system.svc", now, true},
		{"example.com", now, false},
		{"127.0.0.1", now.Add(2 * time.Hour), false},
	} {
		if err := made.Usable(row.host, row.until); (err == nil) != row.fine {
			t.Errorf("for %s until %v: %v", row.host, row.until, err)
		}
	}
	if err := (Certificate{}).Usable("127.0.0.1", now); err == nil {
		t.Error("no certificate at all is usable")
	}
}

// A client that trusts the authority, and only it, is served.
func TestCertificateHandshake(t *testing.T) {
	t.Parallel()
	made, err := Issue(time.Now(), time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := made.Pair()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_ = connection.(*tls.Conn).Handshake()
			_ = connection.Close()
		}
	}()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(made.Authority)
	if err := dial(listener.Addr(), roots); err != nil {
		t.Errorf("with the authority: %v", err)
	}
	if err := dial(listener.Addr(), x509.NewCertPool()); err == nil {
		t.Error("without the authority the certificate is trusted")
	}
}

func dial(address net.Addr, roots *x509.CertPool) error {
	connection, err := tls.Dial("tcp", address.String(), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		return err
	}
	return connection.Close()
}
