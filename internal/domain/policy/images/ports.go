package images

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Registry reads what registries hold. Implementations MUST be safe for
// concurrent use, MUST check that content has the digest it was asked for by,
// and bound what they read.
type Registry interface {
	// Manifest returns a manifest by tag or digest, and what describes it; found
	// is false, without an error, when the registry answers that there is none.
	Manifest(ctx context.Context, reference string) (about v1.Descriptor, body []byte, found bool, err error)
	// Blob returns a blob of a repository by its digest.
	Blob(ctx context.Context, repository, digest string) ([]byte, error)
	// Referrers lists the manifests that say they are about the digest.
	Referrers(ctx context.Context, repository, digest string) ([]v1.Descriptor, error)
}
