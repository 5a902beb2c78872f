package app

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// openRegistries opens registries with the pull secrets that policies name, and
// after them with what Docker's configuration file has.
func openRegistries(config *rest.Config) (images.Open, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the client that reads pull secrets: %w", err)
	}
	return func(ctx context.Context, credentials policy.RegistryCredentials) (images.Registry, error) {
		var keychains []authn.Keychain
		for _, name := range credentials.Secrets {
			keychain, err := pullSecret(ctx, client, name)
			if err != nil {
				return nil, err
			}
			keychains = append(keychains, keychain)
		}
		options := []registry.Option{registry.WithKeychain(authn.NewMultiKeychain(append(keychains, authn.DefaultKeychain)...))}
		if credentials.Insecure {
			options = append(options, registry.WithInsecure())
		}
		return registry.New(options...), nil
	}, nil
}

func pullSecret(ctx context.Context, client kubernetes.Interface, name string) (authn.Keychain, error) {
	secret, err := client.CoreV1().Secrets(identity.SystemNamespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("pull secret %q: Roadbed may not read it; \"roadbed install --pull-secrets %s\" lets it", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("pull secret %q in namespace %s: %w", name, identity.SystemNamespace, err)
	}
	keychain, err := registry.PullSecret(secret.Data)
	if err != nil {
		return nil, fmt.Errorf("pull secret %q: %w", name, err)
	}
	return keychain, nil
}
