package images_test

import (
	"crypto"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/imagestest"
)

// TestVerifyByOwnInfrastructure holds signatures to what a policy brings itself:
// roots, the key of a log of certificates, and an authority for timestamps, where
// the operator trusts nobody.
func TestVerifyByOwnInfrastructure(t *testing.T) {
	t.Parallel()
	sigstore, stranger := virtual(t), virtual(t)
	store := imagestest.NewRegistry(t)
	stamped, digest := store.Push(t, "team/app:1")
	signStamped(t, sigstore, digest)
	bare, digest := store.Push(t, "team/bare:1")
	signKeyless(t, sigstore, digest)

	own := func(change func(*policy.Attestor)) policy.Attestor {
		a := keyless(policy.Identity{Subject: robot, Issuer: issuer})
		a.Keyless.Roots, a.Timestamps, a.IgnoreTlog = rootsOf(t, sigstore), stampsOf(t, sigstore), true
		change(&a)
		return a
	}
	trusting := func(text string) policy.Attestor {
		a := keyless(policy.Identity{Subject: robot, Issuer: issuer})
		a.TrustedRoot = text
		return a
	}
	extension := func(name, value string) func(*policy.Attestor) {
		return func(a *policy.Attestor) { a.Keyless.Extensions = map[string]string{name: value} }
	}
	for _, test := range []struct {
		name, reason, image string
		attestor            policy.Attestor
		way                 error
		message             string
	}{
		{"stamped", "the authority says when", stamped, own(func(*policy.Attestor) {}), nil, ""},
		{"not stamped", "an authority is named, and nothing is stamped", bare, own(func(*policy.Attestor) {}), images.ErrWrongSigner, "timestamp"},
		{"stamped by another", "an authority nobody named", stamped, own(func(a *policy.Attestor) { a.Timestamps = stampsOf(t, stranger) }), images.ErrWrongSigner, "timestamp"},
		{"no certificate", "an authority needs one", stamped, own(func(a *policy.Attestor) { a.Timestamps = "x" }), images.ErrAttestor, "no PEM"},
		{"not in the log", "a log of certificates is named, and no certificate is in it", stamped, own(func(a *policy.Attestor) { a.IgnoreSCT, a.CTLogKey = false, logKeyOf(t, sigstore) }), images.ErrWrongSigner, "timestamp"},
		{"no key", "a log needs one", stamped, own(func(a *policy.Attestor) { a.CTLogKey = "x" }), images.ErrAttestor, "certificate log"},
		{"extension", "by cosign's name", stamped, own(extension("oidcIssuer", "https://token.actions.*")), nil, ""},
		{"extension by identifier", "or by its identifier", stamped, own(extension("1.3.6.1.4.1.57264.1.1", issuer)), nil, ""},
		{"other extension", "another value", stamped, own(extension("oidcIssuer", "https://elsewhere")), images.ErrWrongSigner, `oidcIssuer="` + issuer + `"`},
		{"no such extension", "a value that the certificate lacks", stamped, own(extension("githubWorkflowRef", "refs/heads/main")), images.ErrWrongSigner, "githubWorkflowRef"},
		{"trusted root", "roots and logs in one document", bare, trusting(trustedRootOf(t, sigstore)), nil, ""},
		{"stamped by trusted root", "and the authority for timestamps", stamped, own(func(a *policy.Attestor) {
			a.Keyless.Roots, a.Timestamps, a.TrustedRoot = "", "", trustedRootOf(t, sigstore)
		}), nil, ""},
		{"other trusted root", "of somebody else", bare, trusting(trustedRootOf(t, stranger)), images.ErrWrongSigner, "log"},
		{"no trusted root", "a document of another kind", bare, trusting(`{"mediaType": "text/plain"}`), images.ErrAttestor, `mediaType "text/plain"`},
		{"empty trusted root", "nobody is trusted", bare, trusting(`{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`), images.ErrAttestor, "the key of no log is known"},
		{"unknown extension", "a name that nobody gives", stamped, own(extension("ref", "x")), images.ErrAttestor, "use one of"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := images.New(registry.New()).Verify(t.Context(), policy.ImageCheck{Reference: test.image, Attestor: test.attestor})
			if !errors.Is(err, test.way) {
				t.Fatalf("%s: error %v, want %v", test.reason, err, test.way)
			}
			if err != nil && !strings.Contains(err.Error(), test.message) {
				t.Errorf("%s: message %q lacks %q", test.reason, err, test.message)
			}
		})
	}
}

func virtual(t *testing.T) *ca.VirtualSigstore {
	t.Helper()
	made, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// rootsOf is the chain of who vouches for identities.
func rootsOf(t *testing.T, sigstore *ca.VirtualSigstore) string {
	t.Helper()
	authority, ok := sigstore.FulcioCertificateAuthorities()[0].(*root.FulcioCertificateAuthority)
	if !ok {
		t.Fatal("no authority of Fulcio's kind")
	}
	text, err := cryptoutils.MarshalCertificatesToPEM(append(slices.Clone(authority.Intermediates), authority.Root))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// trustedRootOf is all of it as a trusted_root.json.
func trustedRootOf(t *testing.T, sigstore *ca.VirtualSigstore) string {
	t.Helper()
	logs := sigstore.RekorLogs()
	for id, log := range logs { // The virtual one has it as text.
		var err error
		if log.ID, err = hex.DecodeString(id); err != nil {
			t.Fatal(err)
		}
	}
	made, err := root.NewTrustedRoot(root.TrustedRootMediaType01, sigstore.FulcioCertificateAuthorities(), nil, sigstore.TimestampingAuthorities(), logs)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stampsOf is the chain of the authority for timestamps.
func stampsOf(t *testing.T, sigstore *ca.VirtualSigstore) string {
	t.Helper()
	authority, ok := sigstore.TimestampingAuthorities()[0].(*root.SigstoreTimestampingAuthority)
	if !ok {
		t.Fatal("no authority for timestamps")
	}
	chain := append(slices.Clone(authority.Intermediates), authority.Root)
	leaf, err := cryptoutils.MarshalCertificateToPEM(authority.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := cryptoutils.MarshalCertificatesToPEM(chain)
	if err != nil {
		t.Fatal(err)
	}
	return string(leaf) + string(rest)
}

// logKeyOf is the key of the log of certificates.
func logKeyOf(t *testing.T, sigstore *ca.VirtualSigstore) string {
	t.Helper()
	var key crypto.PublicKey
	for _, one := range sigstore.CTLogs() {
		key = one.PublicKey
	}
	text, err := cryptoutils.MarshalPublicKeyToPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signStamped signs as cosign does with a certificate and a timestamp, and no log.
func signStamped(t *testing.T, sigstore *ca.VirtualSigstore, image name.Digest) {
	t.Helper()
	attachCertified(t, sigstore, image, func(_ *ca.TestEntity, signature []byte) (key, value string) {
		stamp, err := sigstore.TimestampResponse(signature)
		if err != nil {
			t.Fatal(err)
		}
		annotation, err := json.Marshal(map[string]any{"SignedRFC3161Timestamp": stamp})
		if err != nil {
			t.Fatal(err)
		}
		return "dev.sigstore.cosign/rfc3161timestamp", string(annotation)
	})
}
