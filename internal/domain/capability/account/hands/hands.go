// Package hands lets Roadbed act as the accounts of a capability: it makes the
// clients that do, one for each namespace, and gives accounts their rights, which
// it puts on the trail first.
package hands

import (
	"context"
	"fmt"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
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
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// ActionGrant is on the trail before an account gets rights in a namespace.
const ActionGrant = "capability.account.grant"

// Deps are what Hands work with. All of it is required.
type Deps struct {
	// Config is how Roadbed reaches the API server.
	Config *rest.Config
	Mapper meta.RESTMapper
	Scheme *runtime.Scheme
	// Own reads and writes roles as Roadbed, past any cache.
	Own   client.Client
	Clock clock.PassiveClock
	Trail trail.Recorder
}

// Hands act as the accounts of one capability. They are safe for concurrent use.
type Hands struct {
	Deps
	capability string

	mu      sync.Mutex
	clients map[string]client.Client // by namespace; guarded by mu
	granted map[string]*grant        // by namespace and revision; guarded by mu
}

// grant is what this process knows of an account's rights.
type grant struct {
	mu    sync.Mutex // held while they are given
	known bool       // whether they are there; guarded by mu
	since time.Time  // when this process gave them, zero if it did not; guarded by mu
}

// New returns the hands of a capability.
func New(capability string, deps Deps) *Hands {
	return &Hands{Deps: deps, capability: capability, clients: map[string]client.Client{}, granted: map[string]*grant{}}
}

// As is a client that acts as the capability's account in a namespace.
func (h *Hands) As(namespace string) (client.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.clients[namespace]; ok {
		return known, nil
	}
	config := rest.CopyConfig(h.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: account.User(h.capability, namespace)}
	made, err := client.New(config, client.Options{Scheme: h.Scheme, Mapper: h.Mapper})
	if err != nil {
		return nil, fmt.Errorf("make the client of account %q: %w", account.Name(h.capability, namespace), err)
	}
	h.clients[namespace] = made
	return made, nil
}

// settling is how long new rights may take to be in force everywhere.
const settling = 5 * time.Second

// Grant gives the account the rights of a revision in a namespace, unless it has
// them, and waits for them to be in force where it is quick. secret adds what
// connection Secrets need. fresh says that a copy of the API server may not know
// of them yet.
func (h *Hands) Grant(ctx context.Context, r *v1alpha1.CapabilityRevision, namespace string, secret bool) (fresh bool, err error) {
	g := h.grant(namespace, r.Name)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known {
		return h.Clock.Since(g.since) < settling, nil
	}
	rights := account.Rights(r, namespace, secret)
	made, err := h.give(ctx, r, rights)
	if err != nil {
		return false, fmt.Errorf("give the capability's account its rights in namespace %q: %w", namespace, err)
	}
	g.known = true
	if !made {
		return false, nil
	}
	g.since = h.Clock.Now()
	return true, h.await(ctx, rights[0].(*rbacv1.Role), namespace)
}

func (h *Hands) grant(namespace, revision string) *grant {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := namespace + "/" + revision
	if h.granted[key] == nil {
		h.granted[key] = &grant{}
	}
	return h.granted[key]
}

// Forget has rights looked at again: a refusal may mean that they are gone.
func (h *Hands) Forget(namespace, revision string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.granted, namespace+"/"+revision)
}

// give makes what is missing of the rights, on the record.
func (h *Hands) give(ctx context.Context, r *v1alpha1.CapabilityRevision, rights []client.Object) (made bool, err error) {
	for _, wanted := range rights {
		live := wanted.DeepCopyObject().(client.Object)
		err := h.Own.Get(ctx, client.ObjectKeyFromObject(wanted), live)
		missing := apierrors.IsNotFound(err)
		if err != nil && !missing {
			return made, err
		}
		if !missing && says(live, wanted) {
			continue
		}
		if !made {
			if err := h.record(ctx, r, wanted); err != nil {
				return made, err
			}
		}
		made = true
		if err := h.write(ctx, live, wanted, missing); err != nil {
			return made, err
		}
	}
	return made, nil
}

// says says whether an object gives what it should. A binding of the name binds
// nothing else: a guard sees to it.
func says(live, wanted client.Object) bool {
	role, is := wanted.(*rbacv1.Role)
	return !is || equality.Semantic.DeepEqual(live.(*rbacv1.Role).Rules, role.Rules)
}

func (h *Hands) write(ctx context.Context, live, wanted client.Object, missing bool) error {
	if missing {
		return client.IgnoreAlreadyExists(h.Own.Create(ctx, wanted.DeepCopyObject().(client.Object)))
	}
	role := live.(*rbacv1.Role)
	role.Rules = wanted.(*rbacv1.Role).Rules
	return h.Own.Update(ctx, role)
}

func (h *Hands) record(ctx context.Context, r *v1alpha1.CapabilityRevision, right client.Object) error {
	err := h.Trail.Record(ctx, trail.Record{
		Actor: identity.Self(), Action: ActionGrant,
		Object: trail.Object{Group: rbacv1.GroupName, Kind: "Role", Namespace: right.GetNamespace(), Name: right.GetName()},
		Reason: fmt.Sprintf("The first claim of the namespace that is rendered by revision %s needs account %s.", r.Name, account.Name(h.capability, right.GetNamespace())),
	})
	if err != nil {
		return fmt.Errorf("record on the trail: %w", err)
	}
	return nil
}

// asked is how often, at most, the API server is asked in a row whether rights
// are in force. It learns of them within a few requests' time.
const asked = 50

// await asks as the account whether it may do what its role says, until it may.
// That it may not yet is no error: the work that needs it is then tried again.
func (h *Hands) await(ctx context.Context, role *rbacv1.Role, namespace string) error {
	as, err := h.As(namespace)
	if err != nil || len(role.Rules) == 0 {
		return err
	}
	rule := role.Rules[0]
	for range asked {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: rule.Resources[0],
			},
		}}
		if err := as.Create(ctx, review); err != nil || review.Status.Allowed {
			return err
		}
	}
	return nil
}
