package images

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Where signatures are found.
const (
	simpleSigning   = "application/vnd.dev.cosign.simplesigning.v1+json"
	dsseEnvelope    = "application/vnd.dsse.envelope.v1+json"
	bundleArtifact  = "application/vnd.dev.sigstore.bundle"
	notaryArtifact  = "application/vnd.cncf.notary.signature"
	signatureSuffix = ".sig"
	attestedSuffix  = ".att"
)

// maxCandidates bounds the work that a crowd of signatures can make.
const maxCandidates = 64

// candidate is something that may be the signature asked for.
type candidate struct {
	// mediaType tells how to read body.
	mediaType string
	// body is the signed payload, the DSSE envelope, the bundle or the
	// notation envelope.
	body []byte
	// annotations are the layer's, where cosign keeps signature, certificate
	// and log entry.
	annotations map[string]string
}

// candidates reads what may satisfy the check, of an image.
func (v *Verifier) candidates(ctx context.Context, check policy.ImageCheck, image target) ([]candidate, error) {
	repository := image.repository
	if check.Repository != "" {
		parsed, err := name.NewRepository(check.Repository)
		if err != nil {
			return nil, faultf(ErrAttestor, "repository %q of the signatures: %v", check.Repository, err)
		}
		repository = parsed.Name()
	}
	if len(check.Attestor.Notary) > 0 {
		return v.referring(ctx, repository, image, notaryArtifact)
	}
	suffix := signatureSuffix
	if check.PredicateType != "" {
		suffix = attestedSuffix
	}
	tagged, err := v.tagged(ctx, repository, image, suffix)
	if err != nil {
		return nil, err
	}
	bundles, err := v.referring(ctx, repository, image, bundleArtifact)
	if err != nil {
		return nil, err
	}
	return append(tagged, bundles...), nil
}

// tagged reads the layers of the manifest that cosign tags by the digest.
func (v *Verifier) tagged(ctx context.Context, repository string, image target, suffix string) ([]candidate, error) {
	tag := repository + ":" + strings.ReplaceAll(image.digest, ":", "-") + suffix
	_, body, found, err := v.registry.Manifest(ctx, tag)
	if err != nil {
		return nil, unanswered(image, repository, "the manifest "+tag, err)
	}
	if !found {
		return nil, nil
	}
	layers, err := layersOf(body)
	if err != nil {
		return nil, faultf(ErrWrongSigner, "image %s: the manifest of its signatures, %s, cannot be read: %v", image.name, tag, err)
	}
	return v.read(ctx, repository, image, layers, func(layer v1.Descriptor) bool {
		return string(layer.MediaType) == simpleSigning || string(layer.MediaType) == dsseEnvelope
	})
}

// referring reads the first layer of each referrer of the type.
func (v *Verifier) referring(ctx context.Context, repository string, image target, artifact string) ([]candidate, error) {
	referrers, err := v.registry.Referrers(ctx, repository, image.digest)
	if err != nil {
		return nil, unanswered(image, repository, "the image's referrers", err)
	}
	var found []candidate
	for _, referrer := range referrers {
		if !strings.HasPrefix(referrer.ArtifactType, artifact) || len(found) == maxCandidates {
			continue
		}
		read, err := v.referrer(ctx, repository, image, referrer)
		if err != nil {
			return nil, err
		}
		found = append(found, read...)
	}
	return found, nil
}

func (v *Verifier) referrer(ctx context.Context, repository string, image target, referrer v1.Descriptor) ([]candidate, error) {
	_, body, found, err := v.registry.Manifest(ctx, repository+"@"+referrer.Digest.String())
	if err != nil {
		return nil, unanswered(image, repository, "the referrer "+referrer.Digest.String(), err)
	}
	if !found {
		return nil, nil
	}
	// Anybody may push a referrer: one that cannot be read is no signature.
	layers, _ := layersOf(body)
	return v.read(ctx, repository, image, layers[:min(1, len(layers))], func(v1.Descriptor) bool { return true })
}

// read fetches the layers that are wanted.
func (v *Verifier) read(ctx context.Context, repository string, image target, layers []v1.Descriptor, wanted func(v1.Descriptor) bool) ([]candidate, error) {
	var found []candidate
	for _, layer := range layers {
		if !wanted(layer) || len(found) == maxCandidates {
			continue
		}
		body, err := v.registry.Blob(ctx, repository, layer.Digest.String())
		if err != nil {
			return nil, unanswered(image, repository, "the blob "+layer.Digest.String(), err)
		}
		found = append(found, candidate{mediaType: string(layer.MediaType), body: body, annotations: layer.Annotations})
	}
	return found, nil
}

func layersOf(body []byte) ([]v1.Descriptor, error) {
	var read v1.Manifest
	if err := json.Unmarshal(body, &read); err != nil {
		return nil, err
	}
	return read.Layers, nil
}
