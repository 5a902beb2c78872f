package images

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Describe returns what the registry knows of an image: image, resolvedImage,
// registry, repository, identifier, manifest, configData, and for an index of
// images imageIndex; manifest and configData are then those of linux/amd64, or
// of the first platform. The error says what the registry was asked for.
func (v *Verifier) Describe(ctx context.Context, reference string) (map[string]any, error) {
	described, err := v.describe(ctx, reference)
	return described, concluding(err, "nothing is known of the image")
}

func (v *Verifier) describe(ctx context.Context, reference string) (map[string]any, error) {
	parsed, err := name.ParseReference(reference)
	if err != nil {
		return nil, faultf(ErrReference, "image %q: not a reference to an image: %v", reference, err)
	}
	found, err := v.manifest(ctx, parsed)
	if err != nil {
		return nil, err
	}
	repository := parsed.Context()
	described := map[string]any{
		"image":         reference,
		"resolvedImage": repository.Name() + "@" + found.about.Digest.String(),
		"registry":      repository.RegistryStr(),
		"repository":    repository.RepositoryStr(),
		"identifier":    parsed.Identifier(),
	}
	if found.about.MediaType.IsIndex() {
		if found, err = v.platform(ctx, repository, found, described); err != nil {
			return nil, err
		}
	}
	return described, v.contents(ctx, repository, found, described)
}

// platform chooses the image of an index that is described.
func (v *Verifier) platform(ctx context.Context, repository name.Repository, index manifest, described map[string]any) (manifest, error) {
	var read v1.IndexManifest
	if err := json.Unmarshal(index.body, &read); err != nil {
		return manifest{}, fmt.Errorf("image %s: its index is not JSON: %w", described["image"], err)
	}
	if len(read.Manifests) == 0 {
		return manifest{}, faultf(ErrNoImage, "image %s: its index lists no image", described["image"])
	}
	if err := decodeInto(index.body, described, "imageIndex"); err != nil {
		return manifest{}, err
	}
	chosen := read.Manifests[0]
	for _, candidate := range read.Manifests {
		if candidate.Platform != nil && candidate.Platform.OS == "linux" && candidate.Platform.Architecture == "amd64" {
			chosen = candidate
			break
		}
	}
	return v.manifest(ctx, repository.Digest(chosen.Digest.String()))
}

// contents adds the manifest and the configuration it points to.
func (v *Verifier) contents(ctx context.Context, repository name.Repository, found manifest, described map[string]any) error {
	if err := decodeInto(found.body, described, "manifest"); err != nil {
		return err
	}
	var read v1.Manifest
	if err := json.Unmarshal(found.body, &read); err != nil {
		return fmt.Errorf("image %s: its manifest is malformed: %w", described["image"], err)
	}
	config, err := v.registry.Blob(ctx, repository.Name(), read.Config.Digest.String())
	if err != nil {
		return unanswered(repository.Digest(found.about.Digest.String()), repository.Name(), "the image's configuration", err)
	}
	return decodeInto(config, described, "configData")
}

func decodeInto(body []byte, described map[string]any, key string) error {
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("image %s: its %s is not JSON: %w", described["image"], key, err)
	}
	described[key] = value
	return nil
}
