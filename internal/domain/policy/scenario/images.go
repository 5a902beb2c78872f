package scenario

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Images tells of images what a context file says of them. Signatures cannot be
// verified with it.
type Images struct {
	known map[string]map[string]any
}

var _ policy.Images = (*Images)(nil)

// NewImages knows the images of a context file.
func NewImages(images []ImageData) *Images {
	known := map[string]map[string]any{}
	for _, image := range images {
		identifier := image.Digest
		if identifier == "" {
			identifier = image.Tag
		}
		known[image.Image] = map[string]any{
			"image": image.Image, "resolvedImage": image.ResolvedImage,
			"registry": image.Registry, "repository": image.Repository, "identifier": identifier,
			"tag": image.Tag, "digest": image.Digest,
			"imageIndex": image.ImageIndex, "manifest": image.Manifest,
			"config": image.Config, "configData": image.Config,
		}
	}
	return &Images{known: known}
}

// Describe returns what the file says of an image.
func (i *Images) Describe(_ context.Context, reference string) (map[string]any, error) {
	described, ok := i.known[reference]
	if !ok {
		return nil, fmt.Errorf("image %q: no registry is asked here, and the context file does not tell of it", reference)
	}
	return runtime.DeepCopyJSON(described), nil
}

// Verify is an error: a file cannot prove anything.
func (i *Images) Verify(_ context.Context, check policy.ImageCheck) (policy.ImageProof, error) {
	return policy.ImageProof{}, fmt.Errorf("image %q: no registry is asked here, so its signatures cannot be verified", check.Reference)
}
