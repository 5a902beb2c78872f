package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// newVault is a vault in a folder of its own, on a day in 2030.
func newVault(t *testing.T) (Vault, *clocktesting.FakeClock) {
	t.Helper()
	fake := clocktesting.NewFakeClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	return Vault{Dir: t.TempDir(), Clock: fake}, fake
}

func mustPair(t *testing.T) func(Pair, error) Pair {
	return func(pair Pair, err error) Pair {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
}

var server = Subject{Name: "server", Hosts: []string{"127.0.0.1", "localhost"}}

func TestCertificatesAreKept(t *testing.T) {
	t.Parallel()
	v, fake := newVault(t)
	ok := mustPair(t)
	authority := ok(v.Authority("ca"))
	leaf := ok(v.Leaf("server", authority, server))
	fake.Step(LeafLife - renewBefore - time.Second)
	if again := ok(v.Authority("ca")); !bytes.Equal(again.CertPEM, authority.CertPEM) {
		t.Error("the authority changed without need")
	}
	if again := ok(v.Leaf("server", authority, server)); !bytes.Equal(again.CertPEM, leaf.CertPEM) {
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
	authority := ok(v.Authority("ca"))
	leaf := ok(v.Leaf("server", authority, server))

	fake.Step(LeafLife - renewBefore + time.Second)
	renewedLeaf := ok(v.Leaf("server", authority, server))
	if bytes.Equal(renewedLeaf.CertPEM, leaf.CertPEM) || !renewedLeaf.Key.Equal(leaf.Key) {
		t.Error("a certificate that ends in less than 30 days is not renewed with its key")
	}

	fake.SetTime(authority.Cert.NotAfter.Add(-renewBefore + time.Second))
	oldest := ok(v.Leaf("server", authority, server))
	renewed := ok(v.Authority("ca"))
	if bytes.Equal(renewed.CertPEM, authority.CertPEM) || !renewed.Key.Equal(authority.Key) {
		t.Fatal("an authority that ends in less than 30 days is not renewed with its key")
	}
	newest := ok(renewed.Issue(server, nil, fake.Now(), LeafLife))
	for name, pair := range map[string][2]Pair{
		"signed before, trusted after": {oldest, renewed},
		"signed after, trusted before": {newest, authority},
	} {
		roots := x509.NewCertPool()
		roots.AddCert(pair[1].Cert)
		if _, err := pair[0].Cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: fake.Now(), DNSName: "127.0.0.1"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLeafIsIssuedAnew(t *testing.T) {
	t.Parallel()
	v, _ := newVault(t)
	ok := mustPair(t)
	authority := ok(v.Authority("ca"))
	before := ok(v.Leaf("server", authority, server))

	more := Subject{Name: "server", Hosts: append([]string{"kubernetes"}, server.Hosts...)}
	if err := ok(v.Leaf("server", authority, more)).Cert.VerifyHostname("kubernetes"); err != nil {
		t.Errorf("for one more host: %v", err)
	}
	other := ok(v.Authority("other"))
	if err := ok(v.Leaf("server", other, server)).Cert.CheckSignatureFrom(other.Cert); err != nil {
		t.Errorf("by another authority: %v", err)
	}
	if err := os.Remove(v.CertFile("server")); err != nil {
		t.Fatal(err)
	}
	if after := ok(v.Leaf("server", authority, server)); bytes.Equal(after.CertPEM, before.CertPEM) {
		t.Error("a missing certificate is not issued anew")
	}
}

func TestCertificateNeverOutlivesItsAuthority(t *testing.T) {
	t.Parallel()
	v, fake := newVault(t)
	authority := mustPair(t)(v.Authority("ca"))
	fake.SetTime(authority.Cert.NotAfter.Add(-time.Hour))
	pair := mustPair(t)(authority.Issue(server, nil, fake.Now(), LeafLife))
	if !pair.Cert.NotAfter.Equal(authority.Cert.NotAfter) {
		t.Errorf("ends %v, its authority %v", pair.Cert.NotAfter, authority.Cert.NotAfter)
	}
}

func TestMissingKeysAreErrorsOnceComplete(t *testing.T) {
	t.Parallel()
	v, _ := newVault(t)
	v.Complete = true
	_, authorityErr := v.Authority("ca")
	_, encryptionErr := v.EncryptionKey("encryption")
	for name, err := range map[string]error{
		"authority": authorityErr, "service accounts' key": v.SigningKey("sa"), "encryption key": encryptionErr,
	} {
		if _, ok := errors.AsType[*UnusableError](err); !ok {
			t.Errorf("missing %s: %v, want an UnusableError", name, err)
		}
	}
}
