package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"
)

// The bounds of key sets.
const (
	mostKeys    = 128
	mostKeyText = 512 << 10
	leastRSA    = 2048
	mostRSA     = 8192
)

// algorithms is a set of signature algorithms.
type algorithms uint16

// every lists the algorithms that are ever taken: signatures that only the
// issuer can make.
var every = map[string]algorithms{
	"RS256": 1 << 0, "RS384": 1 << 1, "RS512": 1 << 2,
	"PS256": 1 << 3, "PS384": 1 << 4, "PS512": 1 << 5,
	"ES256": 1 << 6, "ES384": 1 << 7, "ES512": 1 << 8,
	"EdDSA": 1 << 9,
}

const (
	anyRSA       algorithms = 1<<6 - 1
	anyAlgorithm algorithms = 1<<10 - 1
)

// algorithmsOf makes a set of names; none at all means all. Names that are never
// taken are left out.
func algorithmsOf(names []string) algorithms {
	if len(names) == 0 {
		return anyAlgorithm
	}
	var set algorithms
	for _, name := range names {
		set |= every[name]
	}
	return set
}

// key is one key that an issuer publishes.
type key struct {
	id     string
	fits   algorithms // what it may be used with
	public crypto.PublicKey
	// gone is set when the issuer no longer publishes the key: nothing that it
	// signed is believed any more.
	gone atomic.Bool
}

// keys are a key set. It is never changed.
type keys struct {
	all  []*key
	byID map[string][]*key
}

// find returns the keys that may have signed a token: those of its key id, or
// those without any id.
func (k *keys) find(id string, algorithm algorithms) []*key {
	if k == nil {
		return nil
	}
	found := k.byID[id]
	if id == "" {
		found = k.all
	} else if len(found) == 0 {
		found = k.byID[""]
	}
	fits := func(one *key) bool { return one.fits&algorithm != 0 }
	if !slices.ContainsFunc(found, fits) {
		return nil
	}
	fitting := slices.DeleteFunc(slices.Clone(found), func(one *key) bool { return !fits(one) })
	return fitting[:min(len(fitting), mostTried)]
}

// mostTried is how many keys are tried where the token does not say which.
const mostTried = 8

// jwk is a JSON Web Key (RFC 7517), as far as public keys go.
type jwk struct {
	Type      string   `json:"kty"`
	ID        string   `json:"kid"`
	Use       string   `json:"use"`
	Ops       []string `json:"key_ops"`
	Algorithm string   `json:"alg"`
	Curve     string   `json:"crv"`
	N         string   `json:"n"`
	E         string   `json:"e"`
	X         string   `json:"x"`
	Y         string   `json:"y"`
}

// CheckKeys tells what is wrong with a JSON Web Key Set, for who takes one from
// a user: it must be small, and at least one of its keys must be good for
// verifying signatures.
func CheckKeys(set []byte) error {
	_, err := parseKeys(set)
	return err
}

// parseKeys reads a JSON Web Key Set. Keys for other purposes, of other kinds,
// or too weak are left out; a set that then has none is an error.
func parseKeys(set []byte) (*keys, error) {
	if len(set) > mostKeyText {
		return nil, fmt.Errorf("the key set has %d bytes, more than the %d that are read", len(set), mostKeyText)
	}
	var found struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(set, &found); err != nil {
		return nil, fmt.Errorf("the key set is no JSON Web Key Set: %w", err)
	}
	if len(found.Keys) > mostKeys {
		return nil, fmt.Errorf("the key set has %d keys, more than the %d that are taken", len(found.Keys), mostKeys)
	}
	made := &keys{byID: make(map[string][]*key)}
	why := errors.New("it is empty")
	for _, text := range found.Keys {
		one, err := parseKey(text)
		if err != nil {
			why = err
			continue
		}
		made.all = append(made.all, one)
		made.byID[one.id] = append(made.byID[one.id], one)
	}
	if len(made.all) == 0 {
		return nil, fmt.Errorf("the key set has no key that can verify a signature: %w", why)
	}
	return made, nil
}

func parseKey(text []byte) (*key, error) {
	var written jwk
	if err := json.Unmarshal(text, &written); err != nil {
		return nil, fmt.Errorf("a key is no JSON Web Key: %w", err)
	}
	if written.Use != "" && written.Use != "sig" || len(written.Ops) > 0 && !slices.Contains(written.Ops, "verify") {
		return nil, fmt.Errorf("key %q is not for verifying signatures", written.ID)
	}
	made := &key{id: written.ID}
	var err error
	switch written.Type {
	case "RSA":
		made.public, made.fits, err = written.rsa()
	case "EC":
		made.public, made.fits, err = written.ec()
	case "OKP":
		made.public, made.fits, err = written.okp()
	default:
		return nil, fmt.Errorf("key %q is of the type %q: want RSA, EC or OKP", written.ID, written.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", written.ID, err)
	}
	if written.Algorithm != "" {
		made.fits &= every[written.Algorithm]
	}
	if made.fits == 0 {
		return nil, fmt.Errorf("key %q is for the algorithm %q, which does not go with it", written.ID, written.Algorithm)
	}
	return made, nil
}

func (k *jwk) rsa() (crypto.PublicKey, algorithms, error) {
	modulus, err := number(k.N)
	if err != nil {
		return nil, 0, fmt.Errorf("n: %w", err)
	}
	exponent, err := number(k.E)
	if err != nil {
		return nil, 0, fmt.Errorf("e: %w", err)
	}
	if bits := modulus.BitLen(); bits < leastRSA || bits > mostRSA {
		return nil, 0, fmt.Errorf("n has %d bits: want %d to %d", bits, leastRSA, mostRSA)
	}
	if exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
		return nil, 0, errors.New("e must be an odd number from 3 to 2^31-1")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, anyRSA, nil
}

func (k *jwk) ec() (crypto.PublicKey, algorithms, error) {
	var curve elliptic.Curve
	var fits algorithms
	switch k.Curve {
	case "P-256":
		curve, fits = elliptic.P256(), every["ES256"]
	case "P-384":
		curve, fits = elliptic.P384(), every["ES384"]
	case "P-521":
		curve, fits = elliptic.P521(), every["ES512"]
	default:
		return nil, 0, fmt.Errorf("crv is %q: want P-256, P-384 or P-521", k.Curve)
	}
	size := (curve.Params().BitSize + 7) / 8
	point := []byte{4} // uncompressed
	for _, part := range []string{k.X, k.Y} {
		bytes, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || len(bytes) != size {
			return nil, 0, fmt.Errorf("x and y must be %d bytes each, in base64url", size)
		}
		point = append(point, bytes...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, 0, fmt.Errorf("x and y are no point of the curve: %w", err)
	}
	return public, fits, nil
}

func (k *jwk) okp() (crypto.PublicKey, algorithms, error) {
	bytes, err := base64.RawURLEncoding.DecodeString(k.X)
	if k.Curve != "Ed25519" || err != nil || len(bytes) != ed25519.PublicKeySize {
		return nil, 0, fmt.Errorf("crv must be Ed25519 and x %d bytes, in base64url", ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(bytes), every["EdDSA"], nil
}

func number(text string) (*big.Int, error) {
	if len(text) > mostRSA {
		return nil, errors.New("the number is too long")
	}
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(bytes) == 0 {
		return nil, errors.New("want a number in base64url")
	}
	return new(big.Int).SetBytes(bytes), nil
}

// succeed keeps the keys of the old set that are in the new one too, so that
// what they signed stays remembered, and marks the others gone.
func (k *keys) succeed(old *keys) {
	if old == nil {
		return
	}
	for _, before := range old.all {
		if !k.adopt(before) {
			before.gone.Store(true)
		}
	}
}

func (k *keys) adopt(before *key) bool {
	same := func(one *key) bool {
		equal, ok := one.public.(interface{ Equal(crypto.PublicKey) bool })
		return one.id == before.id && one.fits == before.fits && ok && equal.Equal(before.public)
	}
	at := slices.IndexFunc(k.all, same)
	if at < 0 {
		return false
	}
	of := k.byID[before.id]
	of[slices.Index(of, k.all[at])] = before
	k.all[at] = before
	return true
}
