package images_test

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/imagestest"
)

const (
	robot  = "https://github.com/corp/payments/.github/workflows/release.yml@refs/heads/main"
	issuer = "https://token.actions.githubusercontent.com"
)

func keyless(identity policy.Identity) policy.Attestor {
	return policy.Attestor{Name: "ci", Keyless: &policy.Keyless{Identities: []policy.Identity{identity}}, IgnoreSCT: true}
}

// TestVerifyKeyless holds certificates to identities, by the roots and logs
// that the operator trusts; all offline.
func TestVerifyKeyless(t *testing.T) {
	t.Parallel()
	sigstore, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	store := imagestest.NewRegistry(t)
	reference, digest := store.Push(t, "team/app:1")
	signKeyless(t, sigstore, digest)
	ours, theirs := images.WithTrust(sigstore), images.WithTrust(stranger)

	for _, test := range []struct {
		name, reason string
		trust        images.Option
		attestor     policy.Attestor
		way          error
		message      string
	}{
		{"identity", "subject and issuer are as asked", ours, keyless(policy.Identity{Subject: robot, Issuer: issuer}), nil, ""},
		{"pattern", "the subject matches", ours, keyless(policy.Identity{SubjectPattern: "^https://github.com/corp/.*", Issuer: issuer}), nil, ""},
		{"wildcard", "as Kyverno's policies write it", ours, keyless(policy.Identity{Subject: "https://github.com/corp/*", Issuer: issuer}), nil, ""},
		{"other subject", "somebody else's workflow", ours, keyless(policy.Identity{Subject: "https://github.com/other/*", Issuer: issuer}), images.ErrWrongSigner, "no matching"},
		{"other issuer", "the issuer counts, too", ours, keyless(policy.Identity{Subject: robot, Issuer: "https://accounts.example.com"}), images.ErrWrongSigner, "no matching"},
		{"other root", "an authority nobody trusts", theirs, keyless(policy.Identity{Subject: robot, Issuer: issuer}), images.ErrWrongSigner, "log"},
		{"certificate not logged", "a certificate's own log entry is wanted", ours, policy.Attestor{Keyless: &policy.Keyless{Identities: []policy.Identity{{Subject: robot, Issuer: issuer}}}}, images.ErrWrongSigner, "timestamp"},
		{"a key", "the attestor asks for a key, not a certificate", ours, policy.Attestor{Key: imagestest.NewSigner(t).PEM}, images.ErrWrongSigner, ""},
		{"nobody in particular", "an identity that says nothing is none", ours, keyless(policy.Identity{}), images.ErrAttestor, "would accept anybody"},
		{"anybody", "no identity is no attestor", ours, policy.Attestor{Keyless: &policy.Keyless{}}, images.ErrAttestor, "would accept anybody"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proof, err := images.New(registry.New(), test.trust).Verify(t.Context(), policy.ImageCheck{Reference: reference, Attestor: test.attestor})
			if !errors.Is(err, test.way) {
				t.Fatalf("%s: error %v, want %v", test.reason, err, test.way)
			}
			if err != nil && !strings.Contains(err.Error(), test.message) {
				t.Errorf("%s: message %q lacks %q", test.reason, err, test.message)
			}
			if err == nil && !strings.Contains(proof.Signer, robot) {
				t.Errorf("%s: signer %q", test.reason, proof.Signer)
			}
		})
	}
}

// signKeyless signs as cosign does with a certificate and a log's promise.
func signKeyless(t *testing.T, sigstore *ca.VirtualSigstore, image name.Digest) {
	t.Helper()
	attachCertified(t, sigstore, image, func(signed *ca.TestEntity, _ []byte) (key, value string) {
		return "dev.sigstore.cosign/bundle", promise(t, sigstore, signed)
	})
}

// attachCertified signs as cosign does with a certificate, and with what proves when.
func attachCertified(t *testing.T, sigstore *ca.VirtualSigstore, image name.Digest, when func(signed *ca.TestEntity, signature []byte) (key, value string)) {
	t.Helper()
	payload := imagestest.Payload(image, nil)
	signed, err := sigstore.Sign(robot, issuer, payload)
	if err != nil {
		t.Fatal(err)
	}
	verification, err := signed.VerificationContent()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := verification.Certificate().PublicKey.(*ecdsa.PublicKey); !ok {
		t.Fatal("the certificate has no ECDSA key")
	}
	certificate, err := cryptoutils.MarshalCertificateToPEM(verification.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	content, err := signed.SignatureContent()
	if err != nil {
		t.Fatal(err)
	}
	key, value := when(signed, content.Signature())
	imagestest.Attach(t, image, payload, map[string]string{
		"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(content.Signature()),
		"dev.sigstore.cosign/certificate":    string(certificate),
		key:                                  value,
	})
}

// promise is the log's entry in the form that cosign keeps in an annotation.
func promise(t *testing.T, sigstore *ca.VirtualSigstore, signed *ca.TestEntity) string {
	t.Helper()
	entries, err := signed.TlogEntries()
	if err != nil {
		t.Fatal(err)
	}
	id, err := sigstore.RekorLogID()
	if err != nil {
		t.Fatal(err)
	}
	entry := entries[0]
	payload := struct {
		Body           any    `json:"body"`
		IntegratedTime int64  `json:"integratedTime"`
		LogIndex       int64  `json:"logIndex"`
		LogID          string `json:"logID"`
	}{entry.Body(), entry.IntegratedTime().Unix(), entry.LogIndex(), id}
	stamp, err := sigstore.RekorSignPayload(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"SignedEntryTimestamp": stamp, "Payload": payload})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
