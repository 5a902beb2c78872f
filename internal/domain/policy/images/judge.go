package images

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// verdict is what is known of a candidate that was accepted.
type verdict struct {
	signer    string
	predicate map[string]any
}

// judge holds candidates to a check.
type judge interface {
	// accepts returns an error that says in one phrase what is wrong.
	accepts(c candidate, image target) (verdict, error)
}

// judge prepares everything that the attestor brings. An error is ErrAttestor.
func (v *Verifier) judge(ctx context.Context, check policy.ImageCheck, image target) (judge, error) {
	if err := check.Attestor.Check(); err != nil {
		return nil, faultf(ErrAttestor, "%v", err)
	}
	if len(check.Attestor.Notary) > 0 && check.PredicateType != "" {
		return nil, faultf(ErrAttestor, "%s: notation signs images and attests nothing; ask for attestations by a key or an identity", described(check.Attestor))
	}
	if len(check.Attestor.Notary) > 0 {
		return v.notaryJudge(ctx, check.Attestor, image)
	}
	trust, err := v.trustFor(check.Attestor)
	if err != nil {
		return nil, faultf(ErrAttestor, "%s: %v", described(check.Attestor), err)
	}
	verifier, err := verify.NewVerifier(trust.material, trust.options...)
	if err != nil {
		return nil, faultf(ErrAttestor, "%s: %v", described(check.Attestor), err)
	}
	return &sigstoreJudge{check: check, trust: trust, verifier: verifier}, nil
}

// sigstoreJudge holds cosign's signatures, attestations and bundles to a check.
type sigstoreJudge struct {
	check    policy.ImageCheck
	trust    trust
	verifier *verify.Verifier
}

func (j *sigstoreJudge) accepts(c candidate, image target) (verdict, error) {
	entity, err := entityOf(c, j.trust.keyed)
	if err != nil {
		return verdict{}, err
	}
	result, err := j.verifier.Verify(entity, verify.NewPolicy(j.artifact(c, image), j.trust.policy...))
	if err != nil {
		return verdict{}, err
	}
	if err := extended(j.check.Attestor, result); err != nil {
		return verdict{}, err
	}
	if err := j.content(c, result, image); err != nil {
		return verdict{}, err
	}
	return verdict{signerOf(j.check.Attestor, result), predicateOf(c, entity)}, nil
}

// artifact is what must have been signed: the payload that names the image, or
// a statement about the image's digest.
func (j *sigstoreJudge) artifact(c candidate, image target) verify.ArtifactPolicyOption {
	if c.mediaType == simpleSigning {
		return verify.WithArtifact(bytes.NewReader(c.body))
	}
	algorithm, digest, _ := strings.Cut(image.digest, ":")
	raw, err := hex.DecodeString(digest)
	if err != nil {
		raw = nil // matches nothing
	}
	return verify.WithArtifactDigest(algorithm, raw)
}

// content checks that what was signed is about this image and says what the
// policy asks for.
func (j *sigstoreJudge) content(c candidate, result *verify.VerificationResult, image target) error {
	want := j.check.PredicateType
	if want != "" && result.Statement == nil {
		return errors.New("it is a signature, not an attestation")
	}
	if c.mediaType == simpleSigning {
		return checkPayload(c.body, image, j.check.Annotations)
	}
	if want == "" {
		return j.bundledSignature(result)
	}
	if got := result.Statement.GetPredicateType(); got != want {
		return fmt.Errorf("the attestation is of type %s", got)
	}
	return nil
}

// signPredicate is the type of a statement by which cosign says nothing but
// "signed".
const signPredicate = "https://sigstore.dev/cosign/sign/v1"

// bundledSignature accepts bundles that sign the digest, and refuses those that
// attest something: an attestation of a vulnerability scan approves nothing.
func (j *sigstoreJudge) bundledSignature(result *verify.VerificationResult) error {
	if result.Statement != nil && result.Statement.GetPredicateType() != signPredicate {
		return fmt.Errorf("it is an attestation of type %s, not a signature", result.Statement.GetPredicateType())
	}
	if len(j.check.Annotations) > 0 {
		return errors.New("a bundle has no annotations, and the policy asks for some")
	}
	return nil
}

// payload is what cosign signs: the "simple signing" format.
type payload struct {
	Critical struct {
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// checkPayload checks the digest in a signed payload, and the annotations.
func checkPayload(body []byte, image target, annotations map[string]string) error {
	var signed payload
	if err := json.Unmarshal(body, &signed); err != nil {
		return fmt.Errorf("the signed payload is not JSON: %w", err)
	}
	if signed.Critical.Image.Digest != image.digest {
		return fmt.Errorf("the signature is of another image, %s", signed.Critical.Image.Digest)
	}
	for key, want := range annotations {
		if got, ok := signed.Optional[key]; !ok || fmt.Sprint(got) != want {
			return fmt.Errorf("the signed payload does not say %s=%s", key, want)
		}
	}
	return nil
}

func signerOf(a policy.Attestor, result *verify.VerificationResult) string {
	if result.Signature != nil && result.Signature.Certificate != nil {
		summary := result.Signature.Certificate
		return fmt.Sprintf("%s (issuer %s)", summary.SubjectAlternativeName, summary.Issuer)
	}
	return described(a)
}

// predicateOf decodes the predicate of a statement; nil when there is none.
func predicateOf(c candidate, entity verify.SignedEntity) map[string]any {
	content, err := entity.SignatureContent()
	if err != nil || content.EnvelopeContent() == nil || c.mediaType == simpleSigning {
		return nil
	}
	raw, err := content.EnvelopeContent().RawEnvelope().DecodeB64Payload()
	if err != nil {
		return nil
	}
	var statement struct {
		Predicate map[string]any `json:"predicate"`
	}
	if err := json.Unmarshal(raw, &statement); err != nil {
		return nil
	}
	return statement.Predicate
}
