// Package pki makes certificate authorities and the certificates they sign, all
// with keys on the curve P-256, and keeps them in a folder.
package pki

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
	// LeafLife is that of certificates other than authorities.
	LeafLife    = 365 * 24 * time.Hour
	renewBefore = 30 * 24 * time.Hour
	clockSkew   = 5 * time.Minute
)

// Types of PEM blocks.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "EC PRIVATE KEY"
)

// Pair is a certificate and its key, parsed and as PEM.
type Pair struct {
	Cert    *x509.Certificate
	Key     *ecdsa.PrivateKey
	CertPEM []byte
	KeyPEM  []byte
}

// Subject is what a certificate is for.
type Subject struct {
	// Name and Groups are whom Kubernetes takes a client for.
	Name   string
	Groups []string
	// Hosts makes a server's certificate: names and addresses it answers to.
	Hosts []string
	// Client makes a client's certificate.
	Client bool
}

// NewAuthority makes a self-signed certificate authority. A given key is kept,
// so that what it signed stays valid.
func NewAuthority(name string, key *ecdsa.PrivateKey, now time.Time) (Pair, error) {
	key, err := orNewKey(key)
	if err != nil {
		return Pair{}, err
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

// Issue certifies a key, a new one when it is nil. The certificate never
// outlives the authority.
func (a Pair) Issue(s Subject, key *ecdsa.PrivateKey, now time.Time, life time.Duration) (Pair, error) {
	key, err := orNewKey(key)
	if err != nil {
		return Pair{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: s.Name, Organization: s.Groups},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	if template.NotAfter.After(a.Cert.NotAfter) {
		template.NotAfter = a.Cert.NotAfter
	}
	if s.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if len(s.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, host := range s.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, host)
	}
	return sign(template, key, a.Cert, a.Key)
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

func sign(template *x509.Certificate, key *ecdsa.PrivateKey, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (Pair, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Pair{}, fmt.Errorf("make serial number: %w", err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return Pair{}, fmt.Errorf("sign certificate of %q: %w", template.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, fmt.Errorf("read back certificate of %q: %w", template.Subject.CommonName, err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert:    cert,
		Key:     key,
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der}),
		KeyPEM:  keyPEM,
	}, nil
}
