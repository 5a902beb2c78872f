package standalone

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
)

// encryptionKeySize is what the secretbox cipher takes.
const encryptionKeySize = 32

// errAbsent says that there is no certificate of a name. It is not
// os.ErrNotExist, which damage wraps as well.
var errAbsent = errors.New("no such certificate")

// vault keeps certificates and keys in a data directory's pki folder.
//
// Renewing keeps the key: the certificate alone is replaced, atomically, and
// what an authority has signed stays valid.
type vault struct {
	layout layout
	clock  clock.PassiveClock
	// complete says that etcd has been initialised with these authorities and
	// keys: one that is missing is then damage, because a new one would not be
	// trusted or could not decrypt.
	complete bool
}

func (v vault) certFile(name string) string { return filepath.Join(v.layout.pki(), name+".crt") }
func (v vault) keyFile(name string) string  { return filepath.Join(v.layout.pki(), name+".key") }

// authority loads the named authority, makes it, or renews it.
func (v vault) authority(name string) (identityPair, error) {
	pair, err := v.load(name)
	now := v.clock.Now()
	switch {
	case err == nil && !expiresSoon(pair.cert, now):
		return pair, nil
	case errors.Is(err, errAbsent) && v.complete:
		return identityPair{}, v.layout.damaged(v.certFile(name), os.ErrNotExist)
	case err != nil && !errors.Is(err, errAbsent):
		return identityPair{}, err
	}
	pair, err = newAuthority("roadbed "+name, pair.key, now)
	if err != nil {
		return identityPair{}, err
	}
	return pair, v.store(name, pair)
}

// leaf loads the named certificate, or issues it when it is absent, ends soon,
// or is not what the authority would issue now.
func (v vault) leaf(name string, from identityPair, s subject) (identityPair, error) {
	pair, err := v.load(name)
	now := v.clock.Now()
	switch {
	case err == nil && !expiresSoon(pair.cert, now) && pair.cert.CheckSignatureFrom(from.cert) == nil && serves(pair.cert, s):
		return pair, nil
	case err != nil && !errors.Is(err, errAbsent):
		return identityPair{}, err
	}
	pair, err = from.issue(s, pair.key, now, leafLife)
	if err != nil {
		return identityPair{}, err
	}
	return pair, v.store(name, pair)
}

func expiresSoon(cert *x509.Certificate, now time.Time) bool {
	return cert.NotAfter.Before(now.Add(renewBefore))
}

func serves(cert *x509.Certificate, s subject) bool {
	for _, host := range s.hosts {
		if cert.VerifyHostname(host) != nil {
			return false
		}
	}
	return cert.Subject.CommonName == s.name
}

// signingKey loads or makes a key without a certificate.
func (v vault) signingKey(name string) error {
	content, err := os.ReadFile(v.keyFile(name))
	if errors.Is(err, os.ErrNotExist) && !v.complete {
		return v.makeSigningKey(name)
	}
	if err != nil {
		return v.layout.damaged(v.keyFile(name), errors.Unwrap(err))
	}
	if _, err := parseKey(content); err != nil {
		return v.layout.damaged(v.keyFile(name), err)
	}
	return nil
}

func (v vault) makeSigningKey(name string) error {
	key, err := orNewKey(nil)
	if err != nil {
		return err
	}
	encoded, err := encodeKey(key)
	if err != nil {
		return err
	}
	return writeFile(v.keyFile(name), encoded)
}

// encryptionKey loads or makes the key that encrypts Secrets in etcd, as base64.
func (v vault) encryptionKey(name string) (string, error) {
	file := v.keyFile(name)
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && !v.complete {
		key := make([]byte, encryptionKeySize)
		rand.Read(key)
		content = []byte(base64.StdEncoding.EncodeToString(key))
		return string(content), writeFile(file, content)
	}
	if err != nil {
		return "", v.layout.damaged(file, errors.Unwrap(err))
	}
	key, err := base64.StdEncoding.DecodeString(string(content))
	if err != nil {
		return "", v.layout.damaged(file, err)
	}
	if len(key) != encryptionKeySize {
		return "", v.layout.damaged(file, fmt.Errorf("%d bytes, want %d", len(key), encryptionKeySize))
	}
	return string(content), nil
}

// load reads a pair. It returns errAbsent when there is no certificate; a
// file that is there and cannot be used is damage.
func (v vault) load(name string) (identityPair, error) {
	certPEM, err := os.ReadFile(v.certFile(name))
	if errors.Is(err, os.ErrNotExist) {
		return identityPair{}, errAbsent
	}
	if err != nil {
		return identityPair{}, v.layout.damaged(v.certFile(name), errors.Unwrap(err))
	}
	cert, err := parseCertificate(certPEM)
	if err != nil {
		return identityPair{}, v.layout.damaged(v.certFile(name), err)
	}
	keyPEM, err := os.ReadFile(v.keyFile(name))
	if err != nil {
		return identityPair{}, v.layout.damaged(v.keyFile(name), errors.Unwrap(err))
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return identityPair{}, v.layout.damaged(v.keyFile(name), err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return identityPair{}, v.layout.damaged(v.keyFile(name), fmt.Errorf("not the key of %s", v.certFile(name)))
	}
	return identityPair{cert: cert, key: key, certPEM: certPEM, keyPEM: keyPEM}, nil
}

// store writes the key first, so that no certificate is ever without its key.
func (v vault) store(name string, pair identityPair) error {
	existing, err := os.ReadFile(v.keyFile(name))
	if err != nil || !bytes.Equal(existing, pair.keyPEM) {
		if err := writeFile(v.keyFile(name), pair.keyPEM); err != nil {
			return err
		}
	}
	return writeFile(v.certFile(name), pair.certPEM)
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
