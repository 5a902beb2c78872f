package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/memory"
)

// How long answers are kept.
const (
	proofLife   = time.Hour
	refusalLife = 10 * time.Second
	tagLife     = 30 * time.Second
)

// Verifier proves who signed images. It is safe for concurrent use.
type Verifier struct {
	registry Registry
	clock    clock.PassiveClock
	trust    root.TrustedMaterial
	// open opens registries with the credentials that policies name.
	open Open
	// silences are shared by all ways of reading.
	silences *silences
	// way tells answers apart by how their registry was read.
	way string

	proofs    *memory.Memory[policy.ImageProof]
	manifests *memory.Memory[manifest]
}

var _ policy.Credentialed = (*Verifier)(nil)

// Option changes a Verifier.
type Option func(*Verifier)

// WithTrust gives the roots of certificates and the keys of logs that vouch for
// keyless signatures, as a trusted_root.json has them. Without it, keyless
// attestors must bring their own roots and log keys.
func WithTrust(trust root.TrustedMaterial) Option {
	return func(v *Verifier) { v.trust = trust }
}

// WithCredentials lets policies say how registries are read. Without it, what they
// say is an error.
func WithCredentials(open Open) Option {
	return func(v *Verifier) { v.open = open }
}

// WithClock replaces the clock that ages what is kept.
func WithClock(clock clock.PassiveClock) Option {
	return func(v *Verifier) { v.clock = clock }
}

// New returns a Verifier that reads from the registry.
func New(registry Registry, options ...Option) *Verifier {
	v := &Verifier{registry: registry, clock: clock.RealClock{}, trust: &root.BaseTrustedMaterial{}}
	for _, option := range options {
		option(v)
	}
	v.silences = newSilences(v.clock)
	v.registry = v.silences.around(registry)
	v.proofs = memory.New[policy.ImageProof](v.clock, 16_384, over)
	v.manifests = memory.New[manifest](v.clock, 1_024, over)
	return v
}

// Verify proves the check, or says in one sentence why it does not hold. The
// error is one of this package's ways, by errors.Is.
func (v *Verifier) Verify(ctx context.Context, check policy.ImageCheck) (policy.ImageProof, error) {
	proof, err := v.verify(ctx, check)
	return proof, concluding(err, "nothing is known of its "+noun(check)+"s")
}

func (v *Verifier) verify(ctx context.Context, check policy.ImageCheck) (policy.ImageProof, error) {
	image, err := v.resolve(ctx, check.Reference)
	if err != nil {
		return policy.ImageProof{}, err
	}
	return v.proofs.Get(ctx, v.way+checkKey(check, image), func(ctx context.Context) (policy.ImageProof, time.Duration, error) {
		proof, err := v.prove(ctx, check, image)
		if err == nil {
			return proof, proofLife, nil
		}
		if lasting(err) {
			return proof, refusalLife, err
		}
		return proof, 0, err
	})
}

// checkKey tells checks apart: everything but the reference counts, for which
// the digest stands.
func checkKey(check policy.ImageCheck, image target) string {
	check.Reference = image.String()
	text, err := json.Marshal(check)
	if err != nil { // strings, booleans, maps of strings: cannot fail
		return image.String()
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// target is an image, told by its digest.
type target struct {
	// name is the reference as it was given, for messages.
	name string
	// repository is "registry/path".
	repository string
	digest     string
}

func (t target) String() string { return t.repository + "@" + t.digest }

// resolve finds the digest of a reference. One that names a digest asks nobody.
func (v *Verifier) resolve(ctx context.Context, reference string) (target, error) {
	parsed, err := name.ParseReference(reference)
	if err != nil {
		return target{}, faultf(ErrReference, "image %q: not a reference to an image: %v", reference, err)
	}
	repository := parsed.Context().Name()
	if digest, ok := parsed.(name.Digest); ok {
		return target{reference, repository, digest.DigestStr()}, nil
	}
	found, err := v.manifest(ctx, parsed)
	if err != nil {
		return target{}, err
	}
	return target{reference, repository, found.about.Digest.String()}, nil
}

// manifest is a manifest as the registry has it.
type manifest struct {
	about v1.Descriptor
	body  []byte
}

// manifest reads the manifest of an image, or of an index of images.
func (v *Verifier) manifest(ctx context.Context, reference name.Reference) (manifest, error) {
	life := tagLife
	if _, pinned := reference.(name.Digest); pinned {
		life = proofLife
	}
	return v.manifests.Get(ctx, v.way+reference.Name(), func(ctx context.Context) (manifest, time.Duration, error) {
		about, body, found, err := v.registry.Manifest(ctx, reference.Name())
		if err != nil {
			return manifest{}, 0, unanswered(reference, reference.Context().Name(), "the image's manifest", err)
		}
		if !found {
			return manifest{}, 0, faultf(ErrNoImage, "image %s: registry %s has no such image", reference, reference.Context().RegistryStr())
		}
		return manifest{about, body}, life, nil
	})
}

// prove tries every candidate.
func (v *Verifier) prove(ctx context.Context, check policy.ImageCheck, image target) (policy.ImageProof, error) {
	judge, err := v.judge(ctx, check, image)
	if err != nil {
		return policy.ImageProof{}, err
	}
	candidates, err := v.candidates(ctx, check, image)
	if err != nil {
		return policy.ImageProof{}, err
	}
	if len(candidates) == 0 {
		return policy.ImageProof{}, unsigned(check, image)
	}
	return try(candidates, judge, check, image)
}

func try(candidates []candidate, judge judge, check policy.ImageCheck, image target) (policy.ImageProof, error) {
	proof := policy.ImageProof{Digest: image.digest}
	var first error
	for _, candidate := range candidates {
		verdict, err := judge.accepts(candidate, image)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		proof.Signer = verdict.signer
		if verdict.predicate != nil {
			proof.Statements = append(proof.Statements, verdict.predicate)
		}
		if check.PredicateType == "" {
			return proof, nil
		}
	}
	if proof.Signer != "" {
		return proof, nil
	}
	return proof, faultf(ErrWrongSigner, "image %s: it has %s, but none by %s: %v",
		image.name, plural(len(candidates), noun(check)), described(check.Attestor), first)
}

func unsigned(check policy.ImageCheck, image target) error {
	if check.PredicateType != "" {
		return faultf(ErrUnsigned, "image %s: it has no attestation of type %s; attest it as %s and push again", image.name, check.PredicateType, described(check.Attestor))
	}
	return faultf(ErrUnsigned, "image %s: it is not signed; sign %s as %s and push again", image.name, image, described(check.Attestor))
}

func noun(check policy.ImageCheck) string {
	if check.PredicateType != "" {
		return "attestation"
	}
	return "signature"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "a " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// described names an attestor for people.
func described(a policy.Attestor) string {
	kind := "the key"
	switch {
	case a.Keyless != nil:
		kind = "an identity"
	case a.Certificate != "" || a.Chain != "":
		kind = "the certificate"
	case len(a.Notary) > 0:
		kind = "a notation certificate"
	}
	if a.Name == "" {
		return kind + " that the policy names"
	}
	return fmt.Sprintf("%s of attestor %q", kind, a.Name)
}
