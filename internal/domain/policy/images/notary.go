package images

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// notaryJudge holds notation signatures to a list of certificates. Revocation
// is not asked for: admission must not wait for a certificate authority.
type notaryJudge struct {
	verifier notation.Verifier
	subject  ocispec.Descriptor
}

// storeName is the name of the only trust store.
const storeName = "policy"

// certificates is a trust store that holds what the policy says.
type certificates []*x509.Certificate

// GetCertificates returns the policy's certificates.
func (c certificates) GetCertificates(_ context.Context, kind truststore.Type, _ string) ([]*x509.Certificate, error) {
	if kind != truststore.TypeCA {
		return nil, nil
	}
	return c, nil
}

func (v *Verifier) notaryJudge(ctx context.Context, a policy.Attestor, image target) (judge, error) {
	reference, err := name.NewDigest(image.String())
	if err != nil {
		return nil, faultf(ErrReference, "image %s: %v", image.name, err)
	}
	subject, err := v.manifest(ctx, reference)
	if err != nil {
		return nil, err
	}
	store, err := storeOf(a)
	if err != nil {
		return nil, err
	}
	checker, err := verifier.New(&trustpolicy.Document{
		Version: "1.0",
		TrustPolicies: []trustpolicy.TrustPolicy{{
			Name:           storeName,
			RegistryScopes: []string{"*"},
			SignatureVerification: trustpolicy.SignatureVerification{
				VerificationLevel: trustpolicy.LevelStrict.Name,
				Override: map[trustpolicy.ValidationType]trustpolicy.ValidationAction{
					trustpolicy.TypeRevocation: trustpolicy.ActionSkip,
				},
			},
			TrustStores:       []string{string(truststore.TypeCA) + ":" + storeName},
			TrustedIdentities: []string{"*"},
		}},
	}, store, nil)
	if err != nil {
		return nil, faultf(ErrAttestor, "%s: %v", described(a), err)
	}
	return &notaryJudge{verifier: checker, subject: ocispec.Descriptor{
		MediaType: string(subject.about.MediaType), Digest: digest.Digest(subject.about.Digest.String()), Size: subject.about.Size,
	}}, nil
}

func storeOf(a policy.Attestor) (certificates, error) {
	var store certificates
	for i, text := range a.Notary {
		read, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(text))
		if err != nil || len(read) == 0 {
			return nil, faultf(ErrAttestor, "%s: notation certificate %d is no PEM", described(a), i+1)
		}
		store = append(store, read...)
	}
	return store, nil
}

func (j *notaryJudge) accepts(c candidate, image target) (verdict, error) {
	outcome, err := j.verifier.Verify(context.Background(), j.subject, c.body, notation.VerifierVerifyOptions{
		ArtifactReference: image.String(), SignatureMediaType: c.mediaType,
	})
	if err != nil {
		return verdict{}, err
	}
	signer := outcome.EnvelopeContent.SignerInfo.CertificateChain[0].Subject
	return verdict{signer: fmt.Sprintf("%s (notation)", signer)}, nil
}
