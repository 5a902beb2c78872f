package claim

import (
	"context"
	"fmt"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
)

// hands are the clients by which an engine acts as a capability's accounts, one
// for each namespace. It is safe for concurrent use.
type hands struct {
	config *rest.Config
	mapper meta.RESTMapper
	scheme *runtime.Scheme
	// own writes roles, as Roadbed.
	own   client.Client
	clock clock.PassiveClock

	mu      sync.Mutex
	clients map[string]client.Client // by namespace; guarded by mu
	granted map[string]time.Time     // since when, by namespace and revision; guarded by mu
}

// as is a client that acts as the capability's account in a namespace.
func (h *hands) as(capability, namespace string) (client.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.clients[namespace]; ok {
		return known, nil
	}
	config := rest.CopyConfig(h.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: account.User(capability, namespace)}
	made, err := client.New(config, client.Options{Scheme: h.scheme, Mapper: h.mapper})
	if err != nil {
		return nil, fmt.Errorf("make the client of account %q: %w", account.Name(capability, namespace), err)
	}
	h.clients[namespace] = made
	return made, nil
}

// grant makes the account's role and binding, unless this process has already.
// fresh says that they may not be in force everywhere yet.
func (h *hands) grant(ctx context.Context, r *v1alpha1.CapabilityRevision, namespace string, secret bool) (fresh bool, err error) {
	key := namespace + "/" + r.Name
	h.mu.Lock()
	since, known := h.granted[key]
	h.mu.Unlock()
	if known {
		return h.clock.Since(since) < settling, nil
	}
	made := false
	for _, object := range account.Rights(r, namespace, secret) {
		changed, err := h.ensure(ctx, object)
		if err != nil {
			return false, fmt.Errorf("give the capability's account its rights in namespace %q: %w", namespace, err)
		}
		made = made || changed
	}
	since = time.Time{}
	if made {
		since = h.clock.Now()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.granted[key] = since
	return made, nil
}

// settling is how long new rights may take to be in force.
const settling = 5 * time.Second

// forget has rights looked at again: a refusal may mean that they are gone.
func (h *hands) forget(namespace, revision string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.granted, namespace+"/"+revision)
}

// ensure makes an object of the account's rights, or has it say what it should.
func (h *hands) ensure(ctx context.Context, object client.Object) (changed bool, err error) {
	err = h.own.Create(ctx, object.DeepCopyObject().(client.Object))
	if !apierrors.IsAlreadyExists(err) {
		return err == nil, err
	}
	role, is := object.(*rbacv1.Role)
	if !is {
		return false, nil // A binding of that name binds nothing else; a guard sees to it.
	}
	live := &rbacv1.Role{}
	if err := h.own.Get(ctx, client.ObjectKeyFromObject(role), live); err != nil {
		return false, err
	}
	if equality.Semantic.DeepEqual(live.Rules, role.Rules) {
		return false, nil
	}
	live.Rules = role.Rules
	return true, h.own.Update(ctx, live)
}
