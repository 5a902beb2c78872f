package images

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// readOwn reads the roots, the logs and the authority for timestamps of the
// attestor's own.
func (m *material) readOwn(a policy.Attestor) (err error) {
	if a.TrustedRoot != "" {
		if m.given, err = root.NewTrustedRootFromJSON([]byte(a.TrustedRoot)); err != nil {
			return fmt.Errorf("the trusted root: %w", err)
		}
	}
	if m.logs, err = logOf("transparency log", a.RekorURL, a.RekorKey); err != nil {
		return err
	}
	if m.ctLogs, err = logOf("certificate log", "", a.CTLogKey); err != nil {
		return err
	}
	return m.readStamper(a.Timestamps)
}

// logOf is a log that is known by its key; none without a key.
func logOf(what, url, text string) (map[string]*root.TransparencyLog, error) {
	if text == "" {
		return nil, nil
	}
	key, err := cryptoutils.UnmarshalPEMToPublicKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the %s's public key: %w", what, err)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("the %s's public key: %w", what, err)
	}
	id := sha256.Sum256(der)
	return map[string]*root.TransparencyLog{hex.EncodeToString(id[:]): {
		BaseURL: url, ID: id[:], PublicKey: key,
		HashFunc: crypto.SHA256, SignatureHashFunc: crypto.SHA256,
	}}, nil
}

// readStamper reads the chain of an authority: its leaf, if it has one that is
// not its root, what is between, and its root.
func (m *material) readStamper(text string) error {
	if text == "" {
		return nil
	}
	chain, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(text))
	if err != nil || len(chain) == 0 {
		return errors.New("timestamps: no certificate in the PEM")
	}
	authority := &root.SigstoreTimestampingAuthority{Root: chain[len(chain)-1]}
	if len(chain) > 1 {
		authority.Leaf, authority.Intermediates = chain[0], chain[1:len(chain)-1]
	}
	m.stampers = []root.TimestampingAuthority{authority}
	return nil
}

// extended holds a certificate to the values of extensions that an attestor
// asks for.
func extended(a policy.Attestor, result *verify.VerificationResult) error {
	if a.Keyless == nil || len(a.Keyless.Extensions) == 0 {
		return nil
	}
	if result.Signature == nil || result.Signature.Certificate == nil {
		return errors.New("the signature has no certificate, whose extensions are asked for")
	}
	has := extensionsOf(result.Signature.Certificate.Extensions)
	for key, want := range a.Keyless.Extensions {
		name, _ := policy.ExtensionName(key)
		if !pattern.Match(want, has[name]) {
			return fmt.Errorf("its certificate says %s=%q, not %q", name, has[name], want)
		}
	}
	return nil
}

// extensionsOf are the extensions by cosign's names.
func extensionsOf(in certificate.Extensions) map[string]string {
	return map[string]string{
		"oidcIssuer":               in.Issuer,
		"githubWorkflowTrigger":    in.GithubWorkflowTrigger,
		"githubWorkflowSha":        in.GithubWorkflowSHA,
		"githubWorkflowName":       in.GithubWorkflowName,
		"githubWorkflowRepository": in.GithubWorkflowRepository,
		"githubWorkflowRef":        in.GithubWorkflowRef,
	}
}
