package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/standalone/atomicfile"
)

// encryptionKeySize is what the secretbox cipher takes.
const encryptionKeySize = 32

// ErrAbsent says that there is no certificate of a name. It is not
// os.ErrNotExist, which an UnusableError may wrap as well.
var ErrAbsent = errors.New("no such certificate")

// UnusableError says which file cannot be used.
type UnusableError struct {
	File string
	Err  error
}

// Error names the file and what is wrong with it.
func (e *UnusableError) Error() string { return e.File + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *UnusableError) Unwrap() error { return e.Err }

func unusable(file string, err error) error { return &UnusableError{File: file, Err: err} }

// Vault keeps certificates and keys in a folder. Whatever cannot be used is an
// UnusableError, and is left as it is.
//
// Renewing keeps the key: the certificate alone is replaced, atomically, and
// what an authority has signed stays valid.
type Vault struct {
	// Dir is the folder. It exists.
	Dir   string
	Clock clock.PassiveClock
	// Complete says that these authorities and keys are in use: one that is
	// missing is then an error, because a new one would not be trusted or could
	// not decrypt.
	Complete bool
}

// CertFile is where a certificate is.
func (v Vault) CertFile(name string) string { return filepath.Join(v.Dir, name+".crt") }

// KeyFile is where a key is.
func (v Vault) KeyFile(name string) string { return filepath.Join(v.Dir, name+".key") }

// Authority loads the named authority, makes it, or renews it.
func (v Vault) Authority(name string) (Pair, error) {
	pair, err := v.Load(name)
	now := v.Clock.Now()
	switch {
	case err == nil && !expiresSoon(pair.Cert, now):
		return pair, nil
	case errors.Is(err, ErrAbsent) && v.Complete:
		return Pair{}, unusable(v.CertFile(name), os.ErrNotExist)
	case err != nil && !errors.Is(err, ErrAbsent):
		return Pair{}, err
	}
	pair, err = NewAuthority("roadbed "+name, pair.Key, now)
	if err != nil {
		return Pair{}, err
	}
	return pair, v.store(name, pair)
}

// Leaf loads the named certificate, or issues it when it is absent, ends soon,
// or is not what the authority would issue now.
func (v Vault) Leaf(name string, from Pair, s Subject) (Pair, error) {
	pair, err := v.Load(name)
	now := v.Clock.Now()
	switch {
	case err == nil && !expiresSoon(pair.Cert, now) && pair.Cert.CheckSignatureFrom(from.Cert) == nil && serves(pair.Cert, s):
		return pair, nil
	case err != nil && !errors.Is(err, ErrAbsent):
		return Pair{}, err
	}
	pair, err = from.Issue(s, pair.Key, now, LeafLife)
	if err != nil {
		return Pair{}, err
	}
	return pair, v.store(name, pair)
}

func expiresSoon(cert *x509.Certificate, now time.Time) bool {
	return cert.NotAfter.Before(now.Add(renewBefore))
}

func serves(cert *x509.Certificate, s Subject) bool {
	for _, host := range s.Hosts {
		if cert.VerifyHostname(host) != nil {
			return false
		}
	}
	return cert.Subject.CommonName == s.Name
}

// SigningKey loads or makes a key without a certificate.
func (v Vault) SigningKey(name string) error {
	content, err := os.ReadFile(v.KeyFile(name))
	if errors.Is(err, os.ErrNotExist) && !v.Complete {
		return v.makeSigningKey(name)
	}
	if err != nil {
		return unusable(v.KeyFile(name), errors.Unwrap(err))
	}
	if _, err := parseKey(content); err != nil {
		return unusable(v.KeyFile(name), err)
	}
	return nil
}

func (v Vault) makeSigningKey(name string) error {
	key, err := orNewKey(nil)
	if err != nil {
		return err
	}
	encoded, err := encodeKey(key)
	if err != nil {
		return err
	}
	return atomicfile.Write(v.KeyFile(name), encoded)
}

// EncryptionKey loads or makes the key that encrypts Secrets in etcd, as base64.
func (v Vault) EncryptionKey(name string) (string, error) {
	file := v.KeyFile(name)
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && !v.Complete {
		key := make([]byte, encryptionKeySize)
		rand.Read(key)
		content = []byte(base64.StdEncoding.EncodeToString(key))
		return string(content), atomicfile.Write(file, content)
	}
	if err != nil {
		return "", unusable(file, errors.Unwrap(err))
	}
	key, err := base64.StdEncoding.DecodeString(string(content))
	if err != nil {
		return "", unusable(file, err)
	}
	if len(key) != encryptionKeySize {
		return "", unusable(file, fmt.Errorf("%d bytes, want %d", len(key), encryptionKeySize))
	}
	return string(content), nil
}

// Load reads a pair. It returns ErrAbsent when there is no certificate; a
// file that is there and cannot be used is an UnusableError.
func (v Vault) Load(name string) (Pair, error) {
	certPEM, err := os.ReadFile(v.CertFile(name))
	if errors.Is(err, os.ErrNotExist) {
		return Pair{}, ErrAbsent
	}
	if err != nil {
		return Pair{}, unusable(v.CertFile(name), errors.Unwrap(err))
	}
	cert, err := parseCertificate(certPEM)
	if err != nil {
		return Pair{}, unusable(v.CertFile(name), err)
	}
	keyPEM, err := os.ReadFile(v.KeyFile(name))
	if err != nil {
		return Pair{}, unusable(v.KeyFile(name), errors.Unwrap(err))
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return Pair{}, unusable(v.KeyFile(name), err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return Pair{}, unusable(v.KeyFile(name), fmt.Errorf("not the key of %s", v.CertFile(name)))
	}
	return Pair{Cert: cert, Key: key, CertPEM: certPEM, KeyPEM: keyPEM}, nil
}

// store writes the key first, so that no certificate is ever without its key.
func (v Vault) store(name string, pair Pair) error {
	existing, err := os.ReadFile(v.KeyFile(name))
	if err != nil || !bytes.Equal(existing, pair.KeyPEM) {
		if err := atomicfile.Write(v.KeyFile(name), pair.KeyPEM); err != nil {
			return err
		}
	}
	return atomicfile.Write(v.CertFile(name), pair.CertPEM)
}

func parseCertificate(content []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(content)
	if block == nil || block.Type != certificateBlock {
		return nil, errors.New("no PEM certificate in it")
	}
	return x509.ParseCertificate(block.Bytes)
}

func parseKey(content []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(content)
	if block == nil || block.Type != keyBlock {
		return nil, errors.New("no PEM elliptic curve key in it")
	}
	return x509.ParseECPrivateKey(block.Bytes)
}
