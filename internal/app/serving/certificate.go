package serving

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// How long certificates live. One that is kept is renewed in good time; one
// that is not lives longer than the process.
const (
	Kept   = 365 * 24 * time.Hour
	Unkept = 10 * 365 * 24 * time.Hour

	renewBefore = 60 * 24 * time.Hour
)

// Certificate is a serving certificate with the authority that vouches for it.
// All fields are PEM. The authority's key is thrown away: it signs once.
type Certificate struct {
	Authority, Cert, Key []byte
}

// Issue makes an authority and a serving certificate for the hosts, names or
// addresses, valid from an hour ago for the given time.
func Issue(now time.Time, validity time.Duration, hosts ...string) (Certificate, error) {
	authority := template(now, validity, "roadbed-webhook-ca")
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, fmt.Errorf("make the authority's key: %w", err)
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return Certificate{}, fmt.Errorf("sign the authority: %w", err)
	}

	serving := template(now, validity, "roadbed-webhook")
	serving.KeyUsage = x509.KeyUsageDigitalSignature
	serving.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if address := net.ParseIP(host); address != nil {
			serving.IPAddresses = append(serving.IPAddresses, address)
			continue
		}
		serving.DNSNames = append(serving.DNSNames, host)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, fmt.Errorf("make the serving key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, serving, authority, key.Public(), authorityKey)
	if err != nil {
		return Certificate{}, fmt.Errorf("sign the serving certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Certificate{}, fmt.Errorf("encode the serving key: %w", err)
	}
	return Certificate{
		Authority: encode("CERTIFICATE", authorityDER),
		Cert:      encode("CERTIFICATE", der),
		Key:       encode("PRIVATE KEY", keyDER),
	}, nil
}

func template(now time.Time, validity time.Duration, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(validity),
	}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// Pair is the certificate as a TLS server wants it.
func (c Certificate) Pair() (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(c.Cert, c.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the serving certificate: %w", err)
	}
	return pair, nil
}

// Usable says why the certificate cannot serve the host until the given time;
// nil if it can.
func (c Certificate) Usable(host string, until time.Time) error {
	pair, err := c.Pair()
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(c.Authority) {
		return errors.New("no authority with the serving certificate")
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: until})
	return err
}
