package capabilities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
	"github.com/roadbed-dev/roadbed/internal/adapter/s3"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/bucket"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/http"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// The Secret in Roadbed's own namespace that says which servers claims are
// provisioned on. It is read whenever it is needed, so a change needs no restart.
const (
	// BackendsSecret is its name.
	BackendsSecret = "roadbed-backends"
	// BackendPostgres is the key with the postgres:// URL of an administrator.
	BackendPostgres = "postgres"
	// BackendObjectStore is the key with the URL of an object store.
	BackendObjectStore = "object-store"
)

// backends reads Secrets in Roadbed's own namespace, straight from the API
// server: no cache of the program holds Secrets.
type backends struct{ read client.Reader }

var _ http.Tokens = backends{}

// url is what a key of the Secret says; empty when there is none.
func (b backends) url(ctx context.Context, key string) (string, error) {
	secret := &corev1.Secret{}
	err := b.read.Get(ctx, client.ObjectKey{Namespace: identity.SystemNamespace, Name: BackendsSecret}, secret)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("read Secret %s/%s: %w", identity.SystemNamespace, BackendsSecret, err)
	}
	return strings.TrimSpace(string(secret.Data[key])), nil
}

// Token is the token that a capability's service is called with. The Secret must
// bear the capability's name as label, so that nobody who publishes a capability
// has another's token, or one of Roadbed's own, sent to a service of his.
func (b backends) Token(ctx context.Context, capability, name string) (string, error) {
	where := identity.SystemNamespace + "/" + name
	secret := &corev1.Secret{}
	err := b.read.Get(ctx, client.ObjectKey{Namespace: identity.SystemNamespace, Name: name}, secret)
	switch {
	case apierrors.IsNotFound(err):
		return "", fmt.Errorf("there is no Secret %s: make one with the key token and the label %s=%s", where, v1alpha1.LabelCapability, capability)
	case err != nil:
		return "", fmt.Errorf("read Secret %s: %w", where, err)
	case secret.Labels[v1alpha1.LabelCapability] != capability || secret.Type != corev1.SecretTypeOpaque:
		return "", fmt.Errorf("the Secret %s is not for this capability: it must be of type Opaque and have the label %s=%s", where, v1alpha1.LabelCapability, capability)
	case len(secret.Data["token"]) == 0:
		return "", fmt.Errorf("the Secret %s has no key token", where)
	}
	return strings.TrimSpace(string(secret.Data["token"])), nil
}

// chosen is the PostgreSQL server that the Secret names, and else our own.
type chosen struct {
	backends
	own postgres.Source
}

var _ postgres.Source = chosen{}

// URL is the administrator's.
func (c chosen) URL(ctx context.Context) (string, error) {
	given, err := c.url(ctx, BackendPostgres)
	if err != nil || given != "" {
		return given, err
	}
	return c.own.URL(ctx)
}

// Available says whether the server answers already, and else why it cannot be had.
func (c chosen) Available(ctx context.Context) (awake bool, err error) {
	given, err := c.url(ctx, BackendPostgres)
	if err != nil || given != "" {
		return given != "", err
	}
	if awake, err = c.own.Available(ctx); errors.Is(err, postgres.ErrNotInstalled) {
		return false, fmt.Errorf("%w; or give a server by the key %s of Secret %s/%s", err, BackendPostgres, identity.SystemNamespace, BackendsSecret)
	}
	return awake, err
}

// buckets are the buckets of the object store that the Secret names. It is safe
// for concurrent use.
type buckets struct {
	backends
	clock clock.PassiveClock

	mu   sync.Mutex
	url  string              // guarded by mu
	made *bucket.Provisioner // for url; guarded by mu
}

var (
	_ provision.Builtin = (*buckets)(nil)
	_ provision.Saver   = (*buckets)(nil)
)

// now is the provisioner for the store as it is named now.
func (b *buckets) now(ctx context.Context) (*bucket.Provisioner, error) {
	given, err := b.backends.url(ctx, BackendObjectStore)
	if err != nil {
		return nil, err
	}
	if given == "" {
		return nil, fmt.Errorf("the platform has no object store: the platform team names one by the key %s of Secret %s/%s", BackendObjectStore, identity.SystemNamespace, BackendsSecret)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.made == nil || b.url != given {
		server := s3.New(given)
		b.url, b.made = given, bucket.New(server, server, b.clock)
	}
	return b.made, nil
}

// Saves is false, as of every object store.
func (*buckets) Saves() bool { return false }

// Available says why buckets cannot be had, and what to do.
func (b *buckets) Available(ctx context.Context) error {
	p, err := b.now(ctx)
	if err != nil {
		return err
	}
	return p.Available(ctx)
}

// Plan says what Ensure would do.
func (b *buckets) Plan(ctx context.Context, in provision.Input) (provision.Preview, error) {
	p, err := b.now(ctx)
	if err != nil {
		return provision.Preview{}, err
	}
	return p.Plan(ctx, in)
}

// Ensure makes the bucket and sees to its keys.
func (b *buckets) Ensure(ctx context.Context, in provision.Input, previous map[string][]byte) (provision.Output, error) {
	p, err := b.now(ctx)
	if err != nil {
		return provision.Output{}, err
	}
	return p.Ensure(ctx, in, previous)
}

// Delete ends a claim.
func (b *buckets) Delete(ctx context.Context, in provision.Input, policy provision.DeletionPolicy) (bool, error) {
	p, err := b.now(ctx)
	if err != nil {
		return false, err
	}
	return p.Delete(ctx, in, policy)
}
