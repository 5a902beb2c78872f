package policy

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrUnproved is what Images reports, by errors.Is, of an image that was read
// and is not signed as it was asked: a verdict. Any other error means that there
// is none.
var ErrUnproved = errors.New("not proved")

// ImageCheck is what a policy wants proved of an image.
type ImageCheck struct {
	// Reference is the image as the object names it.
	Reference string
	// Attestor is who must have signed: one of its fields is set.
	Attestor Attestor
	// PredicateType asks for a signed attestation of this type instead of a
	// signature of the image; empty for a signature.
	PredicateType string
	// Repository holds the signatures where they are not beside the image.
	Repository string
	// Annotations must be part of the signed payload.
	Annotations map[string]string
}

// Attestor says whose signature counts.
type Attestor struct {
	// Name is for messages.
	Name string
	// Key is a PEM public key.
	Key string
	// HashAlgorithm is sha256 unless it is set: sha224, sha384 or sha512.
	HashAlgorithm string
	// Certificate and Chain are PEM.
	Certificate, Chain string
	// Keyless asks for a certificate of a Fulcio with one of the identities.
	Keyless *Keyless
	// Notary lists PEM certificates whose notation signature counts.
	Notary []string
	// IgnoreTlog asks for no proof from a transparency log.
	IgnoreTlog bool
	// IgnoreSCT asks for no proof that the certificate was logged.
	IgnoreSCT bool
	// RekorURL and RekorKey (PEM) name a transparency log of one's own.
	RekorURL, RekorKey string
	// CTLogKey (PEM) is that of a log of certificates of one's own.
	CTLogKey string
	// TrustedRoot is a Sigstore TrustedRoot as JSON, in place of the roots and logs
	// that are known otherwise.
	TrustedRoot string
	// Timestamps are the PEM certificates of an authority of one's own, its leaf
	// first and its root last: signatures must then be stamped by it.
	Timestamps string
}

// Check tells whether the attestor can be used at all: that exactly one way to
// know the signer is given, and that its PEM can be read. Policies are refused
// for what it says, before any image is.
func (a Attestor) Check() error {
	if err := a.checkWays(); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "sha224", "sha256", "sha384", "sha512"}, a.HashAlgorithm) {
		return a.wrong("hashAlgorithm %q is unknown; use sha224, sha256, sha384 or sha512", a.HashAlgorithm)
	}
	if err := a.checkKey("public key", a.Key); err != nil {
		return err
	}
	if err := a.checkKey("transparency log's public key", a.RekorKey); err != nil {
		return err
	}
	if err := a.checkKey("certificate log's public key", a.CTLogKey); err != nil {
		return err
	}
	if err := a.checkTrustedRoot(); err != nil {
		return err
	}
	return a.checkCertificates()
}

// trustedRootType begins the media type of a TrustedRoot.
const trustedRootType = "application/vnd.dev.sigstore.trustedroot"

func (a Attestor) checkTrustedRoot() error {
	if a.TrustedRoot == "" {
		return nil
	}
	var read struct{ MediaType string }
	if err := json.Unmarshal([]byte(a.TrustedRoot), &read); err != nil {
		return a.wrong("the trusted root is no JSON: %w; give a trusted_root.json of Sigstore as it is", err)
	}
	if !strings.HasPrefix(read.MediaType, trustedRootType) {
		return a.wrong("the trusted root has the mediaType %q; give a trusted_root.json of Sigstore, whose begins with %s", read.MediaType, trustedRootType)
	}
	return nil
}

// checkWays wants one way to know the signer.
func (a Attestor) checkWays() error {
	ways := 0
	for _, given := range []bool{a.Key != "", a.Certificate != "" || a.Chain != "", a.Keyless != nil, len(a.Notary) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return a.wrong("%d ways to know the signer are given; give one of a key, a certificate, keyless identities or notation certificates", ways)
	}
	if a.Keyless != nil && (len(a.Keyless.Identities) == 0 || slices.Contains(a.Keyless.Identities, Identity{})) {
		return a.wrong("keyless without identities would accept anybody; name a subject and an issuer")
	}
	return a.checkExtensions()
}

func (a Attestor) checkExtensions() error {
	if a.Keyless == nil {
		return nil
	}
	for key := range a.Keyless.Extensions {
		if _, known := ExtensionName(key); !known {
			return a.wrong("certificates have no extension %q; use one of %s", key, strings.Join(slices.Sorted(maps.Values(extensionNames())), ", "))
		}
	}
	return nil
}

func (a Attestor) checkCertificates() error {
	texts := append([]string{a.Certificate, a.Chain, a.Timestamps}, a.Notary...)
	if a.Keyless != nil {
		texts = append(texts, a.Keyless.Roots)
	}
	for _, text := range texts {
		if text == "" {
			continue
		}
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return a.wrong("a certificate is no PEM; give the whole block, from BEGIN to END")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return a.wrong("a certificate cannot be read: %w", err)
		}
	}
	return nil
}

func (a Attestor) wrong(format string, args ...any) error {
	name := "attestor"
	if a.Name != "" {
		name = fmt.Sprintf("attestor %q", a.Name)
	}
	return fmt.Errorf(name+": "+format, args...)
}

// checkKey reads a PEM public key, if there is one, and throws it away.
func (a Attestor) checkKey(what, text string) error {
	if text == "" {
		return nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return a.wrong("the %s is no PEM; give the whole block, from BEGIN to END", what)
	}
	var err error
	if block.Type == "RSA PUBLIC KEY" {
		_, err = x509.ParsePKCS1PublicKey(block.Bytes)
	} else {
		_, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if err != nil {
		return a.wrong("the %s cannot be read: %w; give the whole PEM block", what, err)
	}
	return nil
}

// PEMBlocks gives each block of a text on its own. A text that is no PEM is one.
func PEMBlocks(text string) []string {
	var blocks []string
	rest := []byte(text)
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		blocks, rest = append(blocks, string(pem.EncodeToMemory(block))), after
	}
	if len(blocks) == 0 && text != "" {
		return []string{text}
	}
	return blocks
}

// Keyless lists the identities that count, and the roots that may vouch for them.
type Keyless struct {
	Identities []Identity
	// Roots are PEM certificates; empty means the public good instance.
	Roots string
	// Extensions are values that the certificate's extensions must have, by the
	// names or object identifiers of ExtensionName; * and ? are wildcards.
	Extensions map[string]string
}

// ExtensionName is the name that cosign gives to an extension of Fulcio's
// certificates, which may be known by its object identifier.
func ExtensionName(key string) (name string, known bool) {
	if name, known = extensionNames()[key]; known {
		return name, true
	}
	return key, slices.Contains(slices.Collect(maps.Values(extensionNames())), key)
}

// extensionNames are the names by object identifier.
func extensionNames() map[string]string {
	return map[string]string{
		"1.3.6.1.4.1.57264.1.1": "oidcIssuer",
		"1.3.6.1.4.1.57264.1.2": "githubWorkflowTrigger",
		"1.3.6.1.4.1.57264.1.3": "githubWorkflowSha",
		"1.3.6.1.4.1.57264.1.4": "githubWorkflowName",
		"1.3.6.1.4.1.57264.1.5": "githubWorkflowRepository",
		"1.3.6.1.4.1.57264.1.6": "githubWorkflowRef",
	}
}

// Identity of a signer, as an OIDC issuer names it. A pattern field is a
// regular expression and used when its plain twin is empty.
type Identity struct {
	Issuer, IssuerPattern   string
	Subject, SubjectPattern string
}

// ImageProof is what was proved.
type ImageProof struct {
	// Digest is the image's, "sha256:...".
	Digest string
	// Statements are the decoded predicates of the attestations found.
	Statements []map[string]any
	// Signer says who signed, for people.
	Signer string
}
