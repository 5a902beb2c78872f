// Package registry reads container registries by the OCI distribution API.
//
// It bounds what it reads, checks every digest, speaks TLS to all but loopback
// registries, and takes credentials from the keychain it is given. A registry
// that answers "not there" is not an error; one that does not answer is.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// maxBlob bounds what is read of one blob, in bytes: signatures, attestations
// and image configurations are far smaller.
const maxBlob = 16 << 20

// Registry reads registries. It is safe for concurrent use.
type Registry struct {
	options []remote.Option
	names   []name.Option
}

// Option changes a Registry.
type Option func(*Registry)

// WithKeychain gives credentials. Without it, registries are read anonymously.
func WithKeychain(keychain authn.Keychain) Option {
	return func(r *Registry) { r.options = append(r.options, remote.WithAuthFromKeychain(keychain)) }
}

// WithInsecure allows plain HTTP where a registry does not speak TLS. A certificate
// that nobody vouches for is refused all the same.
func WithInsecure() Option {
	return func(r *Registry) { r.names = append(r.names, name.Insecure) }
}

// WithTransport replaces the HTTP transport, say for a private authority.
func WithTransport(transport http.RoundTripper) Option {
	return func(r *Registry) { r.options = append(r.options, remote.WithTransport(transport)) }
}

// New returns a Registry.
func New(options ...Option) *Registry {
	r := &Registry{}
	for _, option := range options {
		option(r)
	}
	return r
}

// Manifest returns a manifest by tag or digest, and what describes it; found is
// false, without an error, when the registry answers that there is none.
func (r *Registry) Manifest(ctx context.Context, reference string) (about v1.Descriptor, body []byte, found bool, err error) {
	parsed, err := name.ParseReference(reference, r.names...)
	if err != nil {
		return v1.Descriptor{}, nil, false, err
	}
	got, err := remote.Get(parsed, r.with(ctx)...)
	if absent(err) {
		return v1.Descriptor{}, nil, false, nil
	}
	if err != nil {
		return v1.Descriptor{}, nil, false, fmt.Errorf("read manifest %s: %w", parsed, err)
	}
	return got.Descriptor, got.Manifest, true, nil
}

// Blob returns a blob of a repository by its digest.
func (r *Registry) Blob(ctx context.Context, repository, digest string) ([]byte, error) {
	parsed, err := name.NewDigest(repository+"@"+digest, r.names...)
	if err != nil {
		return nil, err
	}
	layer, err := remote.Layer(parsed, r.with(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", parsed, err)
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", parsed, err)
	}
	defer body.Close()
	read, err := io.ReadAll(io.LimitReader(body, maxBlob+1))
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", parsed, err)
	}
	if len(read) > maxBlob {
		return nil, fmt.Errorf("read blob %s: it is larger than %d bytes", parsed, maxBlob)
	}
	return read, nil
}

// Referrers lists the manifests that say they are about the digest.
func (r *Registry) Referrers(ctx context.Context, repository, digest string) ([]v1.Descriptor, error) {
	parsed, err := name.NewDigest(repository+"@"+digest, r.names...)
	if err != nil {
		return nil, err
	}
	index, err := remote.Referrers(parsed, r.with(ctx)...)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list referrers of %s: %w", parsed, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("list referrers of %s: %w", parsed, err)
	}
	return manifest.Manifests, nil
}

func (r *Registry) with(ctx context.Context) []remote.Option {
	return append([]remote.Option{remote.WithContext(ctx)}, r.options...)
}

// absent tells whether the registry answered that there is no such thing.
func absent(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}
