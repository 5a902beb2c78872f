// Package imagestest gives tests a container registry in process and somebody
// who signs images in it, in the formats cosign writes. Tests only.
package imagestest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

// Registry is a registry in process, on loopback.
type Registry struct {
	// Host is "127.0.0.1:port".
	Host   string
	server *httptest.Server
}

// NewRegistry starts a registry that ends with the test.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	t.Cleanup(server.Close)
	return &Registry{Host: strings.TrimPrefix(server.URL, "http://"), server: server}
}

// Stop ends the registry before the test does.
func (r *Registry) Stop() { r.server.Close() }

// Push writes a small random image under "repository:tag" and returns its
// reference by tag and by digest.
func (r *Registry) Push(t testing.TB, reference string) (tagged string, pinned name.Digest) {
	t.Helper()
	image, err := random.Image(64, 1)
	check(t, err)
	tag, err := name.NewTag(r.Host + "/" + reference)
	check(t, err)
	check(t, remote.Write(tag, image))
	digest, err := image.Digest()
	check(t, err)
	return tag.String(), tag.Digest(digest.String())
}

// Signer signs images by a key.
type Signer struct {
	signer signature.SignerVerifier
	// PEM is the public key.
	PEM string
}

// NewSigner makes a key.
func NewSigner(t testing.TB) *Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	signer, err := signature.LoadECDSASignerVerifier(key, crypto.SHA256)
	check(t, err)
	text, err := cryptoutils.MarshalPublicKeyToPEM(key.Public())
	check(t, err)
	return &Signer{signer: signer, PEM: string(text)}
}

// Payload is what cosign signs for an image.
func Payload(image name.Digest, annotations map[string]string) []byte {
	text, _ := json.Marshal(map[string]any{ // strings only: cannot fail
		"critical": map[string]any{
			"identity": map[string]string{"docker-reference": image.Context().Name()},
			"image":    map[string]string{"docker-manifest-digest": image.DigestStr()},
			"type":     "cosign container image signature",
		},
		"optional": annotations,
	})
	return text
}

// Sign signs an image and attaches the signature as cosign does.
func (s *Signer) Sign(t testing.TB, image name.Digest, annotations map[string]string) {
	t.Helper()
	s.SignPayload(t, image, Payload(image, annotations))
}

// SignPayload signs any payload and attaches it to an image.
func (s *Signer) SignPayload(t testing.TB, image name.Digest, payload []byte) {
	t.Helper()
	signed, err := s.signer.SignMessage(bytes.NewReader(payload))
	check(t, err)
	Attach(t, image, payload, map[string]string{
		"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(signed),
	})
}

// Attach pushes a signed payload with its annotations beside an image.
func Attach(t testing.TB, image name.Digest, payload []byte, annotations map[string]string) {
	t.Helper()
	attach(t, image, ".sig", "application/vnd.dev.cosign.simplesigning.v1+json", payload, annotations)
}

// SignAsAttestation signs an image and attaches the signature where attestations
// belong, as somebody would who has a signature and wants an attestation.
func (s *Signer) SignAsAttestation(t testing.TB, image name.Digest) {
	t.Helper()
	payload := Payload(image, nil)
	signed, err := s.signer.SignMessage(bytes.NewReader(payload))
	check(t, err)
	attach(t, image, ".att", "application/vnd.dev.cosign.simplesigning.v1+json", payload, map[string]string{
		"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(signed),
	})
}

// Attest signs a statement of a predicate about an image and attaches it.
func (s *Signer) Attest(t testing.TB, image name.Digest, predicateType string, predicate map[string]any) {
	t.Helper()
	_, digest, _ := strings.Cut(image.DigestStr(), ":")
	statement, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v0.1",
		"subject":       []any{map[string]any{"name": image.Context().Name(), "digest": map[string]string{"sha256": digest}}},
		"predicateType": predicateType,
		"predicate":     predicate,
	})
	check(t, err)
	const kind = "application/vnd.in-toto+json"
	signed, err := s.signer.SignMessage(strings.NewReader(fmt.Sprintf("DSSEv1 %d %s %d %s", len(kind), kind, len(statement), statement)))
	check(t, err)
	envelope, err := json.Marshal(map[string]any{
		"payloadType": kind,
		"payload":     base64.StdEncoding.EncodeToString(statement),
		"signatures":  []any{map[string]string{"keyid": "", "sig": base64.StdEncoding.EncodeToString(signed)}},
	})
	check(t, err)
	attach(t, image, ".att", "application/vnd.dsse.envelope.v1+json", envelope, map[string]string{"predicateType": predicateType})
}

// attach adds a layer to the manifest that cosign keeps beside an image.
func attach(t testing.TB, image name.Digest, suffix string, kind types.MediaType, body []byte, annotations map[string]string) {
	t.Helper()
	tag := image.Context().Tag(strings.ReplaceAll(image.DigestStr(), ":", "-") + suffix)
	base := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	if existing, err := remote.Image(tag); err == nil {
		base = existing
	}
	signed, err := mutate.Append(base, mutate.Addendum{
		Layer: static.NewLayer(body, kind), MediaType: kind, Annotations: annotations,
	})
	check(t, err)
	check(t, remote.Write(tag, signed))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
