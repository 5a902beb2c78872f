package images_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/imagestest"
)

func byKey(pem string) policy.Attestor {
	return policy.Attestor{Name: "release", Key: pem, IgnoreTlog: true}
}

// TestVerifyByKey: each way in which an image is or is not proved has an error
// and a sentence of its own.
func TestVerifyByKey(t *testing.T) {
	t.Parallel()
	store := imagestest.NewRegistry(t)
	signer, stranger := imagestest.NewSigner(t), imagestest.NewSigner(t)
	signed, digest := store.Push(t, "team/signed:1")
	signer.Sign(t, digest, map[string]string{"env": "prod"})
	unsigned, _ := store.Push(t, "team/unsigned:1")
	foreign, foreignDigest := store.Push(t, "team/foreign:1")
	stranger.Sign(t, foreignDigest, nil)
	both, bothDigest := store.Push(t, "team/both:1")
	stranger.Sign(t, bothDigest, nil)
	signer.Sign(t, bothDigest, nil)
	copied, copiedDigest := store.Push(t, "team/copied:1")
	transplant(t, signer, digest, copiedDigest)
	gone := imagestest.NewRegistry(t)
	lost, lostDigest := gone.Push(t, "team/lost:1")
	gone.Stop()

	for _, test := range []struct {
		name, reason string
		check        policy.ImageCheck
		way          error
		message      string
	}{
		{"signed", "the key made the signature", policy.ImageCheck{Reference: signed, Attestor: byKey(signer.PEM)}, nil, ""},
		{"by digest", "a digest needs no resolving", policy.ImageCheck{Reference: digest.String(), Attestor: byKey(signer.PEM)}, nil, ""},
		{"two signatures", "one that fits is enough", policy.ImageCheck{Reference: both, Attestor: byKey(signer.PEM)}, nil, ""},
		{"annotation", "the payload says so", policy.ImageCheck{Reference: signed, Attestor: byKey(signer.PEM), Annotations: map[string]string{"env": "prod"}}, nil, ""},
		{"other annotation", "the payload says otherwise", policy.ImageCheck{Reference: signed, Attestor: byKey(signer.PEM), Annotations: map[string]string{"env": "dev"}}, images.ErrWrongSigner, "does not say env=dev"},
		{"unsigned", "nothing is attached", policy.ImageCheck{Reference: unsigned, Attestor: byKey(signer.PEM)}, images.ErrUnsigned, "it is not signed; sign "},
		{"wrongly signed", "somebody else's key", policy.ImageCheck{Reference: foreign, Attestor: byKey(signer.PEM)}, images.ErrWrongSigner, `a signature, but none by the key of attestor "release"`},
		{"transplanted", "a good signature of another image", policy.ImageCheck{Reference: copied, Attestor: byKey(signer.PEM)}, images.ErrWrongSigner, "of another image"},
		{"unreachable", "nobody listens", policy.ImageCheck{Reference: lost, Attestor: byKey(signer.PEM)}, images.ErrUnreachable, "registry " + gone.Host + " gave no answer when it was asked for the image's manifest, so nothing is known of its signatures; try again: "},
		{"unreachable by digest", "its digest is known", policy.ImageCheck{Reference: gone.Host + "/team/lost@" + lostDigest.DigestStr(), Attestor: byKey(signer.PEM)}, images.ErrUnreachable, ".sig, so nothing is known of its signatures"},
		{"unreachable attestation", "another purpose", policy.ImageCheck{Reference: lost, Attestor: byKey(signer.PEM), PredicateType: "x"}, images.ErrUnreachable, "so nothing is known of its attestations"},
		{"no image", "the tag does not exist", policy.ImageCheck{Reference: store.Host + "/team/signed:2", Attestor: byKey(signer.PEM)}, images.ErrNoImage, "has no such image"},
		{"malformed reference", "upper case is not allowed", policy.ImageCheck{Reference: store.Host + "/Team/x", Attestor: byKey(signer.PEM)}, images.ErrReference, "not a reference"},
		{"malformed key", "cut short", policy.ImageCheck{Reference: signed, Attestor: byKey("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE...\n-----END PUBLIC KEY-----\n")}, images.ErrAttestor, "public key is no PEM"},
		{"no log known", "a log entry is wanted, and no log's key is known", policy.ImageCheck{Reference: signed, Attestor: policy.Attestor{Key: signer.PEM}}, images.ErrAttestor, "the key of no log is known"},
		{"elsewhere", "signatures of another repository", policy.ImageCheck{Reference: signed, Attestor: byKey(signer.PEM), Repository: store.Host + "/signatures"}, images.ErrUnsigned, "not signed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proof, err := images.New(registry.New()).Verify(t.Context(), test.check)
			if !errors.Is(err, test.way) {
				t.Fatalf("%s: error %v, want %v", test.reason, err, test.way)
			}
			if err != nil && !strings.Contains(err.Error(), test.message) {
				t.Errorf("%s: message %q lacks %q", test.reason, err, test.message)
			}
			if err == nil && !strings.HasPrefix(proof.Digest, "sha256:") {
				t.Errorf("%s: digest %q", test.reason, proof.Digest)
			}
		})
	}
}

// transplant attaches a good signature of one image to another.
func transplant(t *testing.T, signer *imagestest.Signer, from, to name.Digest) {
	t.Helper()
	signer.SignPayload(t, to, imagestest.Payload(from, nil))
}

// TestVerifyAttestation returns what was attested, and only of the type asked for.
func TestVerifyAttestation(t *testing.T) {
	t.Parallel()
	store, signer := imagestest.NewRegistry(t), imagestest.NewSigner(t)
	reference, digest := store.Push(t, "team/app:1")
	signer.Attest(t, digest, "https://slsa.dev/provenance/v1", map[string]any{"builder": "ci"})
	verifier := images.New(registry.New())

	proof, err := verifier.Verify(t.Context(), policy.ImageCheck{Reference: reference, Attestor: byKey(signer.PEM), PredicateType: "https://slsa.dev/provenance/v1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]map[string]any{{"builder": "ci"}}, proof.Statements); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	_, err = verifier.Verify(t.Context(), policy.ImageCheck{Reference: reference, Attestor: byKey(signer.PEM), PredicateType: "https://cyclonedx.org/bom"})
	if !errors.Is(err, images.ErrWrongSigner) {
		t.Errorf("an attestation of another type: %v, want ErrWrongSigner", err)
	}
	_, err = verifier.Verify(t.Context(), policy.ImageCheck{Reference: reference, Attestor: byKey(signer.PEM)})
	if !errors.Is(err, images.ErrUnsigned) {
		t.Errorf("an attestation is no signature: %v, want ErrUnsigned", err)
	}
}

// TestSignatureIsNoAttestation: a good signature, moved to where attestations
// are, attests nothing.
func TestSignatureIsNoAttestation(t *testing.T) {
	t.Parallel()
	store, signer := imagestest.NewRegistry(t), imagestest.NewSigner(t)
	reference, digest := store.Push(t, "team/app:1")
	signer.SignAsAttestation(t, digest)
	_, err := images.New(registry.New()).Verify(t.Context(), policy.ImageCheck{Reference: reference, Attestor: byKey(signer.PEM), PredicateType: "https://slsa.dev/provenance/v1"})
	if !errors.Is(err, images.ErrWrongSigner) || !strings.Contains(err.Error(), "not an attestation") {
		t.Errorf("error %v, want ErrWrongSigner", err)
	}
}

// TestVerifyRemembers: a proof asks the registry once, and a tag is resolved
// again after half a minute.
func TestVerifyRemembers(t *testing.T) {
	t.Parallel()
	store, signer := imagestest.NewRegistry(t), imagestest.NewSigner(t)
	reference, digest := store.Push(t, "team/app:1")
	signer.Sign(t, digest, nil)
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	verifier := images.New(registry.New(), images.WithClock(clock))
	ask := func() error {
		_, err := verifier.Verify(t.Context(), policy.ImageCheck{Reference: reference, Attestor: byKey(signer.PEM)})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	store.Stop()
	if err := ask(); err != nil {
		t.Errorf("while it is remembered: %v", err)
	}
	clock.SetTime(clock.Now().Add(31 * time.Second))
	if err := ask(); !errors.Is(err, images.ErrUnreachable) || errors.Is(err, policy.ErrUnproved) {
		t.Errorf("after the tag is forgotten: %v, want ErrUnreachable, which speaks neither for nor against the image", err)
	}
	_, err := verifier.Verify(t.Context(), policy.ImageCheck{Reference: digest.String(), Attestor: byKey(signer.PEM)})
	if err != nil {
		t.Errorf("by digest nothing is to be asked: %v", err)
	}
}

// TestVerifyEnds with its context, and does not remember that.
func TestVerifyEnds(t *testing.T) {
	t.Parallel()
	store, signer := imagestest.NewRegistry(t), imagestest.NewSigner(t)
	reference, digest := store.Push(t, "team/app:1")
	signer.Sign(t, digest, nil)
	verifier := images.New(registry.New())
	check := policy.ImageCheck{Reference: reference, Attestor: byKey(signer.PEM)}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verifier.Verify(ended, check); !errors.Is(err, images.ErrUnreachable) {
		t.Errorf("with an ended context: %v, want ErrUnreachable", err)
	}
	if _, err := verifier.Verify(t.Context(), check); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestDescribe has what policies read of an image.
func TestDescribe(t *testing.T) {
	t.Parallel()
	store := imagestest.NewRegistry(t)
	reference, digest := store.Push(t, "team/app:1")
	described, err := images.New(registry.New()).Describe(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"image": reference, "resolvedImage": digest.String(), "registry": store.Host, "repository": "team/app", "identifier": "1",
	} {
		if described[key] != want {
			t.Errorf("%s: %v, want %v", key, described[key], want)
		}
	}
	for _, key := range []string{"manifest", "configData"} {
		if _, ok := described[key].(map[string]any); !ok {
			t.Errorf("%s: %T, want an object", key, described[key])
		}
	}
}

// TestDescribeUnreachable speaks of what was asked for, and not of signatures.
func TestDescribeUnreachable(t *testing.T) {
	t.Parallel()
	store := imagestest.NewRegistry(t)
	reference, _ := store.Push(t, "team/app:1")
	store.Stop()
	_, err := images.New(registry.New()).Describe(t.Context(), reference)
	const asked = "gave no answer when it was asked for the image's manifest, so nothing is known of the image; try again: "
	if !errors.Is(err, images.ErrUnreachable) || !strings.Contains(err.Error(), "image "+reference+": registry "+store.Host+" "+asked) {
		t.Errorf("error %v, want %q", err, asked)
	}
}

// BenchmarkVerifyRemembered is what an image costs that was seen before.
func BenchmarkVerifyRemembered(b *testing.B) {
	store, signer := imagestest.NewRegistry(b), imagestest.NewSigner(b)
	reference, digest := store.Push(b, "team/app:1")
	signer.Sign(b, digest, nil)
	verifier := images.New(registry.New())
	check := policy.ImageCheck{Reference: reference, Attestor: byKey(signer.PEM)}
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), check); err != nil {
			b.Fatal(err)
		}
	}
}
