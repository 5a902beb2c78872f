package platformapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// User is the account that acts in a namespace.
func User(namespace string) string { return account.User(account.PlatformAPI, namespace) }

// Rights are what the account may do in a namespace: make, read, change and give
// up claims of the capabilities, and nothing else.
func Rights(namespace string, capabilities []*v1alpha1.Capability) (*rbacv1.Role, *rbacv1.RoleBinding) {
	meta := metav1.ObjectMeta{
		Name: account.RoleName(account.PlatformAPI), Namespace: namespace,
		Labels: map[string]string{tenancyv1alpha1.LabelManagedBy: tenancyv1alpha1.ManagedBy},
	}
	role := &rbacv1.Role{ObjectMeta: meta}
	for _, each := range capabilities {
		role.Rules = append(role.Rules, rbacv1.PolicyRule{
			APIGroups: []string{cmp.Or(each.Spec.Group, v1alpha1.ClaimsGroup)}, Resources: []string{each.Spec.Names.Plural},
			Verbs: []string{"get", "list", "watch", "create", "patch", "update", "delete"},
		})
	}
	slices.SortFunc(role.Rules, func(a, b rbacv1.PolicyRule) int {
		return cmp.Or(cmp.Compare(a.APIGroups[0], b.APIGroups[0]), cmp.Compare(a.Resources[0], b.Resources[0]))
	})
	return role, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name(account.PlatformAPI, namespace)}},
	}
}

// Times of giving rights.
const (
	// believed is how long rights that were given are taken to be there still: who
	// deletes them, or makes a namespace anew, closes the API there for so long.
	believed = time.Minute
	// inForce is how long to wait until the API server knows of rights, asking it
	// every so often.
	inForce = 5 * time.Second
	asking  = 20 * time.Millisecond
)

// Impersonation is Accounts over a connection of Roadbed's own.
type Impersonation struct {
	config    *rest.Config
	client    kubernetes.Interface
	catalogue Catalogue
	trail     trail.Recorder
	clock     clock.Clock

	mu      sync.Mutex
	clients map[string]dynamic.Interface // by namespace; guarded by mu
	given   map[string]given             // by namespace; guarded by mu
	giving  map[string]chan struct{}     // by namespace, full while rights are given in it; guarded by mu
}

// given are rights as they were last seen to be there, and when.
type given struct {
	rules []rbacv1.PolicyRule
	at    time.Time
}

var _ Accounts = (*Impersonation)(nil)

// NewImpersonation returns accounts that Roadbed impersonates; it gives them
// their rights when they are first used, when capabilities change, and when
// somebody took them away, each time on the trail first.
func NewImpersonation(config *rest.Config, catalogue Catalogue, recorder trail.Recorder, clock clock.Clock) (*Impersonation, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return &Impersonation{
		config: config, client: client, catalogue: catalogue, trail: recorder, clock: clock,
		clients: map[string]dynamic.Interface{}, given: map[string]given{}, giving: map[string]chan struct{}{},
	}, nil
}

// As returns a client that acts as the account of the namespace.
func (i *Impersonation) As(ctx context.Context, namespace string) (dynamic.Interface, error) {
	capabilities, err := i.catalogue.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	role, binding := Rights(namespace, capabilities)
	if !i.has(namespace, role.Rules) {
		if err := i.give(ctx, role, binding); err != nil {
			return nil, fmt.Errorf("give the account of namespace %q its rights: %w", namespace, err)
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if client := i.clients[namespace]; client != nil {
		return client, nil
	}
	client, err := dynamic.NewForConfig(i.as(namespace))
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	i.clients[namespace] = client
	return client, nil
}

// May asks the API server.
func (i *Impersonation) May(ctx context.Context, ask authorizationv1.SubjectAccessReviewSpec) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: ask}
	answer, err := i.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask what %q may do: %w", ask.User, err)
	}
	return answer.Status.Allowed, nil
}

func (i *Impersonation) as(namespace string) *rest.Config {
	config := rest.CopyConfig(i.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: User(namespace)}
	return config
}

// has says whether the account was seen to have the rights not long ago.
func (i *Impersonation) has(namespace string, rules []rbacv1.PolicyRule) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	known, ok := i.given[namespace]
	return ok && i.clock.Since(known.at) < believed && equality.Semantic.DeepEqual(known.rules, rules)
}

// turn is full while rights are given in the namespace.
func (i *Impersonation) turn(namespace string) chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.giving[namespace] == nil {
		i.giving[namespace] = make(chan struct{}, 1)
	}
	return i.giving[namespace]
}

// give makes sure of the rights, for one request in a namespace at a time. What is
// as it should be is not written.
func (i *Impersonation) give(ctx context.Context, role *rbacv1.Role, binding *rbacv1.RoleBinding) error {
	namespace := role.Namespace
	turn := i.turn(namespace)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if i.has(namespace, role.Rules) {
		return nil // by another request, meanwhile
	}
	written, err := i.giveRole(ctx, role)
	if err != nil {
		return err
	}
	bindings := i.client.RbacV1().RoleBindings(namespace)
	if _, err = bindings.Get(ctx, binding.Name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		written = true
		_, err = bindings.Create(ctx, binding, metav1.CreateOptions{})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if written {
		if err := i.await(ctx, namespace, role.Rules); err != nil {
			return err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.given[namespace] = given{role.Rules, i.clock.Now()}
	return nil
}

// giveRole says whether the role had to be written.
func (i *Impersonation) giveRole(ctx context.Context, role *rbacv1.Role) (written bool, err error) {
	roles := i.client.RbacV1().Roles(role.Namespace)
	live, err := roles.Get(ctx, role.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		if err := i.record(ctx, role); err != nil {
			return false, err
		}
		if _, err = roles.Create(ctx, role, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
			return true, err
		}
	case err != nil:
		return false, err
	case equality.Semantic.DeepEqual(live.Rules, role.Rules):
		return false, nil
	default:
		if err := i.record(ctx, role); err != nil {
			return false, err
		}
	}
	_, err = roles.Update(ctx, role, metav1.UpdateOptions{})
	return true, err
}

// record puts the giving of rights on the trail.
func (i *Impersonation) record(ctx context.Context, role *rbacv1.Role) error {
	return i.trail.Record(ctx, trail.Record{
		Actor: identity.Self(), Action: "capability.account.grant",
		Object: trail.Object{Group: rbacv1.GroupName, Kind: "Role", Namespace: role.Namespace, Name: role.Name},
		Reason: "the HTTP API acts for the tenant's people and workloads",
	})
}

// await waits until the API server lets the account do what it may: the first
// request in a namespace is not refused because it is the first.
func (i *Impersonation) await(ctx context.Context, namespace string, rules []rbacv1.PolicyRule) error {
	client, err := kubernetes.NewForConfig(i.as(namespace))
	if err != nil {
		return fmt.Errorf("connect to the API server: %w", err)
	}
	ends := i.clock.Now().Add(inForce)
	for _, rule := range rules {
		for {
			allowed, err := may(ctx, client, namespace, rule)
			if err != nil {
				return err
			}
			if allowed {
				break
			}
			if !i.clock.Now().Before(ends) {
				return errors.New("they are written, and not in force yet")
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-i.clock.After(asking):
			}
		}
	}
	return nil
}

// may asks whether the client's user may make such claims.
func may(ctx context.Context, client kubernetes.Interface, namespace string, rule rbacv1.PolicyRule) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: "create", Group: rule.APIGroups[0], Resource: rule.Resources[0],
		},
	}}
	answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask what the account may do: %w", err)
	}
	return answer.Status.Allowed, nil
}
