package standalone

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/standalone/pki"
)

func TestKubeconfig(t *testing.T) {
	t.Parallel()
	fake := clocktesting.NewFakeClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	authority, err := pki.NewAuthority("test", nil, fake.Now())
	if err != nil {
		t.Fatal(err)
	}
	access := newAccess(20001, authority, fake)
	content, err := access.Kubeconfig("payments-developer", "corp:payments-developers")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(content)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(config.CertData)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://127.0.0.1:20001" || cert.Subject.CommonName != "payments-developer" || cert.Subject.Organization[0] != "corp:payments-developers" {
		t.Errorf("server %q, subject %v", config.Host, cert.Subject)
	}
	if life := cert.NotAfter.Sub(fake.Now()); life != userLife {
		t.Errorf("lives %v, want %v", life, userLife)
	}
	if _, err := access.ClientConfig(""); err == nil {
		t.Error("a certificate for nobody")
	}
}
