package images

import (
	"context"
	"encoding/json"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Open returns a registry that is read with the credentials. It is called for each
// question, so that a secret that changes counts at once.
type Open func(ctx context.Context, credentials policy.RegistryCredentials) (Registry, error)

// errNoCredentials is for those who may read no secrets, such as command lines.
var errNoCredentials = errors.New("the policy names credentials for registries, which are not at hand here")

// With returns a Verifier that reads registries with the credentials. It shares
// what is kept, apart from what was read in another way.
func (v *Verifier) With(credentials policy.RegistryCredentials) policy.Images {
	way, err := json.Marshal(credentials)
	if err != nil { // strings and a boolean: cannot fail
		return v
	}
	other := *v
	other.way = string(way)
	other.registry = borrowed{v.open, credentials, v.silences}
	return &other
}

// borrowed is a registry that is opened when it is asked.
type borrowed struct {
	open        Open
	credentials policy.RegistryCredentials
	silences    *silences
}

var _ Registry = borrowed{}

func (b borrowed) registry(ctx context.Context) (Registry, error) {
	if b.open == nil {
		return nil, errNoCredentials
	}
	opened, err := b.open(ctx, b.credentials)
	if err != nil {
		return nil, err
	}
	return b.silences.around(opened), nil
}

// Manifest opens the registry and asks it.
func (b borrowed) Manifest(ctx context.Context, reference string) (about v1.Descriptor, body []byte, found bool, err error) {
	opened, err := b.registry(ctx)
	if err != nil {
		return v1.Descriptor{}, nil, false, err
	}
	return opened.Manifest(ctx, reference)
}

// Blob opens the registry and asks it.
func (b borrowed) Blob(ctx context.Context, repository, digest string) ([]byte, error) {
	opened, err := b.registry(ctx)
	if err != nil {
		return nil, err
	}
	return opened.Blob(ctx, repository, digest)
}

// Referrers opens the registry and asks it.
func (b borrowed) Referrers(ctx context.Context, repository, digest string) ([]v1.Descriptor, error) {
	opened, err := b.registry(ctx)
	if err != nil {
		return nil, err
	}
	return opened.Referrers(ctx, repository, digest)
}
