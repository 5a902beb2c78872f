package images

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// trust is what an attestor asks for, in the terms of sigstore-go.
type trust struct {
	material root.TrustedMaterial
	options  []verify.VerifierOption
	policy   []verify.PolicyOption
	// keyed tells that the signer is known by a key.
	keyed bool
}

// material is trust put together from what the policy says.
type material struct {
	root.BaseTrustedMaterial

	key         root.TimeConstrainedVerifier
	authorities []root.CertificateAuthority
	logs        map[string]*root.TransparencyLog
	ctLogs      map[string]*root.TransparencyLog
	stampers    []root.TimestampingAuthority
	given       root.TrustedMaterial
}

// PublicKeyVerifier is the attestor's key, whatever the hint.
func (m *material) PublicKeyVerifier(string) (root.TimeConstrainedVerifier, error) {
	if m.key == nil {
		return nil, errors.New("the signature was made by a key, and the attestor asks for a certificate")
	}
	return m.key, nil
}

// FulcioCertificateAuthorities are the attestor's roots, or else the given ones.
func (m *material) FulcioCertificateAuthorities() []root.CertificateAuthority {
	if m.authorities != nil {
		return m.authorities
	}
	return m.given.FulcioCertificateAuthorities()
}

// RekorLogs are the attestor's log, or else the given ones.
func (m *material) RekorLogs() map[string]*root.TransparencyLog {
	if m.logs != nil {
		return m.logs
	}
	return m.given.RekorLogs()
}

// CTLogs are the attestor's log of certificates, or else the given ones.
func (m *material) CTLogs() map[string]*root.TransparencyLog {
	if m.ctLogs != nil {
		return m.ctLogs
	}
	return m.given.CTLogs()
}

// TimestampingAuthorities are the attestor's authority, or else the given ones.
func (m *material) TimestampingAuthorities() []root.TimestampingAuthority {
	if m.stampers != nil {
		return m.stampers
	}
	return m.given.TimestampingAuthorities()
}

// trustFor turns an attestor into trust.
func (v *Verifier) trustFor(a policy.Attestor) (trust, error) {
	m := &material{given: v.trust}
	if err := m.readOwn(a); err != nil {
		return trust{}, err
	}
	if !a.IgnoreTlog && len(m.RekorLogs()) == 0 {
		return trust{}, errors.New("it asks for an entry in a transparency log, and the key of no log is known; give the log's key (rekor.pubkey, ctlog.rekorPubKey), start Roadbed with --image-trusted-root, or say that no log is needed (rekor.ignoreTlog, ctlog.insecureIgnoreTlog)")
	}
	if a.Keyless == nil && (a.Key != "" || a.Certificate != "") {
		return v.keyTrust(a, m)
	}
	return certificateTrust(a, m)
}

// keyTrust trusts one key: its own, or that of a certificate whose chain holds.
func (v *Verifier) keyTrust(a policy.Attestor, m *material) (trust, error) {
	key, err := keyOf(a, v.clock.Now())
	if err != nil {
		return trust{}, err
	}
	verifier, err := signature.LoadVerifier(key, hashOf(a.HashAlgorithm))
	if err != nil {
		return trust{}, fmt.Errorf("the public key: %w", err)
	}
	m.key = root.NewExpiringKey(verifier, time.Time{}, time.Time{})
	options := evidence(a)
	if len(options) == 0 {
		options = []verify.VerifierOption{verify.WithNoObserverTimestamps()}
	}
	return trust{material: m, options: options, policy: []verify.PolicyOption{verify.WithKey()}, keyed: true}, nil
}

// keyOf reads the attestor's key, which Attestor.Check has seen.
func keyOf(a policy.Attestor, now time.Time) (crypto.PublicKey, error) {
	if a.Certificate == "" {
		return cryptoutils.UnmarshalPEMToPublicKey([]byte(a.Key))
	}
	certificates, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(a.Certificate))
	if err != nil {
		return nil, err
	}
	if len(certificates) == 0 {
		return nil, errors.New("certificate: no certificate in the PEM")
	}
	if a.Chain == "" {
		return certificates[0].PublicKey, nil
	}
	chain, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(a.Chain))
	if err != nil {
		return nil, err
	}
	if err := chained(certificates[0], chain, now); err != nil {
		return nil, err
	}
	return certificates[0].PublicKey, nil
}

// chained checks a certificate against its chain, whose last one is the root.
func chained(leaf *x509.Certificate, chain []*x509.Certificate, now time.Time) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for i, certificate := range chain {
		if i == len(chain)-1 {
			roots.AddCert(certificate)
		} else {
			intermediates.AddCert(certificate)
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("certificate: its chain does not hold: %w", err)
	}
	return nil
}

// certificateTrust trusts certificates that come with signatures: of identities
// that Fulcio vouches for, or of a chain's root.
func certificateTrust(a policy.Attestor, m *material) (trust, error) {
	roots := a.Chain
	var identities []verify.PolicyOption
	if a.Keyless != nil {
		roots = a.Keyless.Roots
		for _, identity := range a.Keyless.Identities {
			matcher, err := matcherOf(identity)
			if err != nil {
				return trust{}, err
			}
			identities = append(identities, verify.WithCertificateIdentity(matcher))
		}
	}
	if err := m.readRoots(roots); err != nil {
		return trust{}, err
	}
	if len(m.FulcioCertificateAuthorities()) == 0 {
		return trust{}, errors.New("no roots of certificates are known; give them in the policy (roots), or start Roadbed with --image-trusted-root")
	}
	if len(identities) == 0 {
		identities = []verify.PolicyOption{verify.WithoutIdentitiesUnsafe()}
	}
	return trust{material: m, options: certificateOptions(a, m), policy: identities}, nil
}

// matcherOf holds certificates to an identity. A part that is not given is
// whatever; a plain part may have the wildcard *, as Kyverno's policies do.
func matcherOf(identity policy.Identity) (verify.CertificateIdentity, error) {
	issuer, issuerPattern := patterned(identity.Issuer, identity.IssuerPattern)
	subject, subjectPattern := patterned(identity.Subject, identity.SubjectPattern)
	matcher, err := verify.NewShortCertificateIdentity(issuer, issuerPattern, subject, subjectPattern)
	if err != nil {
		return matcher, fmt.Errorf("identity %q of issuer %q: %w", subject+subjectPattern, issuer+issuerPattern, err)
	}
	return matcher, nil
}

func patterned(plain, pattern string) (string, string) {
	switch {
	case plain == "" && pattern == "":
		return "", ".*"
	case strings.Contains(plain, "*"):
		return "", "^" + strings.ReplaceAll(regexp.QuoteMeta(plain), `\*`, ".*") + "$"
	case plain != "":
		return plain, ""
	}
	return "", pattern
}

// evidence is what the attestor wants besides a signature: an entry in a log,
// and the stamp of an authority of its own, which then tells the time.
func evidence(a policy.Attestor) []verify.VerifierOption {
	var options []verify.VerifierOption
	if !a.IgnoreTlog {
		options = append(options, verify.WithTransparencyLog(1))
	}
	switch {
	case a.Timestamps != "":
		options = append(options, verify.WithSignedTimestamps(1))
	case !a.IgnoreTlog:
		options = append(options, verify.WithIntegratedTimestamps(1))
	}
	return options
}

// certificateOptions say when a certificate must have been valid: at the time
// that a log or a timestamping authority vouches for, else now.
func certificateOptions(a policy.Attestor, m *material) []verify.VerifierOption {
	options := evidence(a)
	switch {
	case len(options) > 0:
	case len(m.TimestampingAuthorities()) > 0:
		options = append(options, verify.WithSignedTimestamps(1))
	default:
		options = append(options, verify.WithCurrentTime())
	}
	if a.Keyless != nil && !a.IgnoreSCT {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	return options
}

// readRoots reads PEM roots; the last of a chain is its root.
func (m *material) readRoots(text string) error {
	if text == "" {
		return nil
	}
	certificates, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(text))
	if err != nil || len(certificates) == 0 {
		return errors.New("roots: no certificate in the PEM")
	}
	authority := &root.FulcioCertificateAuthority{Root: certificates[len(certificates)-1], Intermediates: certificates[:len(certificates)-1]}
	m.authorities = []root.CertificateAuthority{authority}
	return nil
}

func hashOf(algorithm string) crypto.Hash {
	switch algorithm {
	case "sha224":
		return crypto.SHA224
	case "sha384":
		return crypto.SHA384
	case "sha512":
		return crypto.SHA512
	default:
		return crypto.SHA256
	}
}
