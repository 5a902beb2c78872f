package images_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/imagestest"
)

// TestWith: a policy's credentials open the registry, what was read with them is
// kept apart, and without anybody to open it the image is not proved.
func TestWith(t *testing.T) {
	t.Parallel()
	store := imagestest.NewRegistry(t)
	signer := imagestest.NewSigner(t)
	signed, digest := store.Push(t, "team/signed:1")
	signer.Sign(t, digest, nil)
	check := policy.ImageCheck{Reference: signed, Attestor: byKey(signer.PEM)}

	var opened []policy.RegistryCredentials
	verifier := images.New(closed{}, images.WithCredentials(func(_ context.Context, credentials policy.RegistryCredentials) (images.Registry, error) {
		opened = append(opened, credentials)
		return registry.New(), nil
	}))
	world := policy.World{Images: verifier}
	with := world.With(policy.RegistryCredentials{Secrets: []string{"pull"}}).Images
	if _, err := with.Verify(t.Context(), check); err != nil {
		t.Errorf("with credentials: %v", err)
	}
	if _, err := with.Describe(t.Context(), signed); err != nil {
		t.Errorf("described with credentials: %v", err)
	}
	if len(opened) == 0 || opened[0].Secrets[0] != "pull" {
		t.Errorf("opened with %v", opened)
	}
	if _, err := world.With(policy.RegistryCredentials{}).Images.Verify(t.Context(), check); !errors.Is(err, images.ErrUnreachable) {
		t.Errorf("without credentials: %v", err)
	}
	nobody := policy.World{Images: images.New(registry.New())}.With(policy.RegistryCredentials{Insecure: true}).Images
	if _, err := nobody.Verify(t.Context(), check); err == nil || !strings.Contains(err.Error(), "not at hand") {
		t.Errorf("where nobody opens registries: %v", err)
	}
}

// closed is a registry that answers nobody.
type closed struct{ images.Registry }

func (closed) Manifest(context.Context, string) (about v1.Descriptor, body []byte, found bool, err error) {
	return v1.Descriptor{}, nil, false, errors.New("who are you?")
}
