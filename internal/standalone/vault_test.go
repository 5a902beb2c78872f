package standalone

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clocktesting "k8s.io/utils/clock/testing"
)

// newVault is a vault in a folder of its own, on a day in 2030.
func newVault(t *testing.T) (vault, *clocktesting.FakeClock) {
	t.Helper()
	fake := clocktesting.NewFakeClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	l := layout(t.TempDir())
	if err := l.prepare(); err != nil {
		t.Fatal(err)
	}
	return vault{layout: l, clock: fake}, fake
}

func mustPair(t *testing.T) func(identityPair, error) identityPair {
	return func(pair identityPair, err error) identityPair {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
}

var server = subject{name: "server", hosts: []string{loopback, "localhost"}}

func TestCertificatesAreKept(t *testing.T) {
	t.Parallel()
	v, fake := newVault(t)
	ok := mustPair(t)
	authority := ok(v.authority("ca"))
	leaf := ok(v.leaf("server", authority, server))
	fake.Step(leafLife - renewBefore - time.Second)
	if again := ok(v.authority("ca")); !bytes.Equal(again.certPEM, authority.certPEM) {
		t.Error("the authority changed without need")
	}
	if again := ok(v.leaf("server", authority, server)); !bytes.Equal(again.certPEM, leaf.certPEM) {
		t.Error("the certificate changed without need")
	}
}

// TestRenewal shows that a new certificate has the old key, and that what the
// old authority has signed is trusted by those who know only the new one, and
// the other way round.
func TestRenewal(t *testing.T) {
	t.Parallel()
	v, fake := newVault(t)
	ok := mustPair(t)
	authority := ok(v.authority("ca"))
	leaf := ok(v.leaf("server", authority, server))

	fake.Step(leafLife - renewBefore + time.Second)
	renewedLeaf := ok(v.leaf("server", authority, server))
	if bytes.Equal(renewedLeaf.certPEM, leaf.certPEM) || !renewedLeaf.key.Equal(leaf.key) {
		t.Error("a certificate that ends in less than 30 days is not renewed with its key")
	}

	fake.SetTime(authority.cert.NotAfter.Add(-renewBefore + time.Second))
	oldest := ok(v.leaf("server", authority, server))
	renewed := ok(v.authority("ca"))
	if bytes.Equal(renewed.certPEM, authority.certPEM) || !renewed.key.Equal(authority.key) {
		t.Fatal("an authority that ends in less than 30 days is not renewed with its key")
	}
	newest := ok(renewed.issue(server, nil, fake.Now(), leafLife))
	for name, pair := range map[string][2]identityPair{
		"signed before, trusted after": {oldest, renewed},
		"signed after, trusted before": {newest, authority},
	} {
		roots := x509.NewCertPool()
		roots.AddCert(pair[1].cert)
		if _, err := pair[0].cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: fake.Now(), DNSName: loopback}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLeafIsIssuedAnew(t *testing.T) {
	t.Parallel()
	v, _ := newVault(t)
	ok := mustPair(t)
	authority := ok(v.authority("ca"))
	before := ok(v.leaf("server", authority, server))

	more := subject{name: "server", hosts: append([]string{"kubernetes"}, server.hosts...)}
	if err := ok(v.leaf("server", authority, more)).cert.VerifyHostname("kubernetes"); err != nil {
		t.Errorf("for one more host: %v", err)
	}
	other := ok(v.authority("other"))
	if err := ok(v.leaf("server", other, server)).cert.CheckSignatureFrom(other.cert); err != nil {
		t.Errorf("by another authority: %v", err)
	}
	if err := os.Remove(v.certFile("server")); err != nil {
		t.Fatal(err)
	}
	if after := ok(v.leaf("server", authority, server)); bytes.Equal(after.certPEM, before.certPEM) {
		t.Error("a missing certificate is not issued anew")
	}
}

func TestCertificateNeverOutlivesItsAuthority(t *testing.T) {
	t.Parallel()
	v, fake := newVault(t)
	authority := mustPair(t)(v.authority("ca"))
	fake.SetTime(authority.cert.NotAfter.Add(-time.Hour))
	pair := mustPair(t)(authority.issue(server, nil, fake.Now(), leafLife))
	if !pair.cert.NotAfter.Equal(authority.cert.NotAfter) {
		t.Errorf("ends %v, its authority %v", pair.cert.NotAfter, authority.cert.NotAfter)
	}
}

func TestMissingKeysAreDamageOnceInitialised(t *testing.T) {
	t.Parallel()
	v, _ := newVault(t)
	v.complete = true
	_, authorityErr := v.authority("ca")
	_, encryptionErr := v.encryptionKey("encryption")
	for name, err := range map[string]error{
		"authority": authorityErr, "service accounts' key": v.signingKey("sa"), "encryption key": encryptionErr,
	} {
		var damage *DamagedError
		if !errors.As(err, &damage) {
			t.Errorf("missing %s: %v, want a DamagedError", name, err)
		}
	}
}

func TestKubeconfig(t *testing.T) {
	t.Parallel()
	v, fake := newVault(t)
	access := newAccess(20001, mustPair(t)(v.authority("ca")), fake)
	content, err := access.Kubeconfig("payments-developer", "corp:payments-developers")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(content)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := parseCertificate(config.CertData)
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
