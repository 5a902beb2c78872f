package standalone

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Life spans of certificates. They are renewed at start when they end within
// renewBefore.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 365 * 24 * time.Hour
	userLife      = 90 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
	clockSkew     = 5 * time.Minute
)

// Types of PEM blocks.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "EC PRIVATE KEY"
)

// loopback is the only address that anything here listens on.
const loopback = "127.0.0.1"

// identityPair is a certificate and its key, parsed and as PEM.
type identityPair struct {
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	certPEM []byte
	keyPEM  []byte
}

// subject is what a certificate is for.
type subject struct {
	name   string
	groups []string
	// hosts makes a server's certificate: names and addresses it answers to.
	hosts []string
	// client makes a client's certificate.
	client bool
}

// newAuthority makes a self-signed certificate authority. A given key is kept,
// so that what it signed stays valid.
func newAuthority(name string, key *ecdsa.PrivateKey, now time.Time) (identityPair, error) {
	key, err := orNewKey(key)
	if err != nil {
		return identityPair{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	return sign(template, key, template, key)
}

// issue certifies a key, a new one when it is nil. The certificate never
// outlives the authority.
func (a identityPair) issue(s subject, key *ecdsa.PrivateKey, now time.Time, life time.Duration) (identityPair, error) {
	key, err := orNewKey(key)
	if err != nil {
		return identityPair{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: s.name, Organization: s.groups},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	if s.client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if len(s.hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, host := range s.hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, host)
	}
	return sign(template, key, a.cert, a.key)
}

func orNewKey(key *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	if key != nil {
		return key, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}

func sign(template *x509.Certificate, key *ecdsa.PrivateKey, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (identityPair, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return identityPair{}, fmt.Errorf("make serial number: %w", err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return identityPair{}, fmt.Errorf("sign certificate of %q: %w", template.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return identityPair{}, fmt.Errorf("read back certificate of %q: %w", template.Subject.CommonName, err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return identityPair{}, err
	}
	return identityPair{
		cert:    cert,
		key:     key,
		certPEM: pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der}),
		keyPEM:  keyPEM,
	}, nil
}
