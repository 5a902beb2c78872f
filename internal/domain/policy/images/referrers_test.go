package images_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/notaryproject/notation-core-go/testhelper"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/signer"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/imagestest"
)

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// TestVerifyBundle accepts a Sigstore bundle among the referrers, and takes an
// attestation for no signature.
func TestVerifyBundle(t *testing.T) {
	t.Parallel()
	store := imagestest.NewRegistry(t)
	keys, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := keys.GetPublicKeyPem()
	if err != nil {
		t.Fatal(err)
	}
	attestor := policy.Attestor{Name: "release", Key: pem, IgnoreTlog: true}
	signed, signedDigest := store.Push(t, "team/signed:1")
	refer(t, signedDigest, bundleType, bundleType, bundleOf(t, keys, signedDigest, "https://sigstore.dev/cosign/sign/v1"))
	scanned, scannedDigest := store.Push(t, "team/scanned:1")
	refer(t, scannedDigest, bundleType, bundleType, bundleOf(t, keys, scannedDigest, "https://cosign.sigstore.dev/attestation/vuln/v1"))
	moved, movedDigest := store.Push(t, "team/moved:1")
	refer(t, movedDigest, bundleType, bundleType, bundleOf(t, keys, signedDigest, "https://sigstore.dev/cosign/sign/v1"))
	verifier := images.New(registry.New())

	for _, test := range []struct {
		name, reason, reference, predicate string
		way                                error
	}{
		{"signed", "the statement says signed", signed, "", nil},
		{"scanned", "a scan approves nothing", scanned, "", images.ErrWrongSigner},
		{"attested", "the scan is what is asked for", scanned, "https://cosign.sigstore.dev/attestation/vuln/v1", nil},
		{"moved", "the statement is of another image", moved, "", images.ErrWrongSigner},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier.Verify(t.Context(), policy.ImageCheck{Reference: test.reference, Attestor: attestor, PredicateType: test.predicate})
			if !errors.Is(err, test.way) {
				t.Errorf("%s: error %v, want %v", test.reason, err, test.way)
			}
		})
	}
}

// TestVerifyNotation holds notation signatures to the policy's certificates.
func TestVerifyNotation(t *testing.T) {
	t.Parallel()
	store := imagestest.NewRegistry(t)
	reference, image := store.Push(t, "team/app:1")
	leaf, root, stranger := testhelper.GetRSALeafCertificate(), testhelper.GetRSARootCertificate(), testhelper.GetECRootCertificate()
	about, err := remote.Head(image)
	if err != nil {
		t.Fatal(err)
	}
	author, err := signer.NewGenericSigner(leaf.PrivateKey, []*x509.Certificate{leaf.Cert, root.Cert})
	if err != nil {
		t.Fatal(err)
	}
	const jws = "application/jose+json"
	signed, _, err := author.Sign(t.Context(), ocispec.Descriptor{
		MediaType: string(about.MediaType), Digest: digest.Digest(about.Digest.String()), Size: about.Size,
	}, notation.SignerSignOptions{SignatureMediaType: jws})
	if err != nil {
		t.Fatal(err)
	}
	refer(t, image, "application/vnd.cncf.notary.signature", jws, signed)
	verify := func(certificate *x509.Certificate) error {
		text, err := cryptoutils.MarshalCertificateToPEM(certificate)
		if err != nil {
			t.Fatal(err)
		}
		_, err = images.New(registry.New()).Verify(t.Context(), policy.ImageCheck{Reference: reference, Attestor: policy.Attestor{Notary: []string{string(text)}}})
		return err
	}
	if err := verify(root.Cert); err != nil {
		t.Errorf("the root that vouches for the signer: %v", err)
	}
	if err := verify(stranger.Cert); !errors.Is(err, images.ErrWrongSigner) {
		t.Errorf("another root: %v, want ErrWrongSigner", err)
	}
}

func bundleOf(t *testing.T, keys sign.Keypair, image name.Digest, predicateType string) []byte {
	t.Helper()
	_, hex, _ := strings.Cut(image.DigestStr(), ":")
	statement, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": predicateType, "predicate": map[string]any{},
		"subject": []any{map[string]any{"name": image.Context().Name(), "digest": map[string]string{"sha256": hex}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := sign.Bundle(&sign.DSSEData{Data: statement, PayloadType: "application/vnd.in-toto+json"}, keys, sign.BundleOptions{Context: t.Context()})
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// refer pushes a body as a referrer of an image.
func refer(t *testing.T, image name.Digest, artifact, layerType types.MediaType, body []byte) {
	t.Helper()
	about, err := remote.Head(image)
	if err != nil {
		t.Fatal(err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), artifact)
	filled, err := mutate.Append(base, mutate.Addendum{Layer: static.NewLayer(body, layerType), MediaType: layerType})
	if err != nil {
		t.Fatal(err)
	}
	referrer, ok := mutate.Subject(filled, *about).(v1.Image)
	if !ok {
		t.Fatal("not an image")
	}
	sum, err := referrer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(image.Context().Digest(sum.String()), referrer); err != nil {
		t.Fatal(err)
	}
}
