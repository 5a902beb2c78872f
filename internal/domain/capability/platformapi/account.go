package platformapi

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
)

// accountName is the API's among the accounts. No Capability may have the name.
const accountName = "platform-api"

// User is the account that acts in a namespace.
func User(namespace string) string { return account.User(accountName, namespace) }

// Rights are what the account may do in a namespace: make, read, change and give
// up claims of the capabilities, and nothing else.
func Rights(namespace string, capabilities []*v1alpha1.Capability) (*rbacv1.Role, *rbacv1.RoleBinding) {
	meta := metav1.ObjectMeta{
		Name: account.RoleName(accountName), Namespace: namespace,
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
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name(accountName, namespace)}},
	}
}

// Impersonation is Accounts over a connection of Roadbed's own.
type Impersonation struct {
	config    *rest.Config
	client    kubernetes.Interface
	catalogue Catalogue

	mu      sync.Mutex
	clients map[string]dynamic.Interface // by namespace; guarded by mu
	granted map[string]*rbacv1.Role      // as last written, by namespace; guarded by mu
}

var _ Accounts = (*Impersonation)(nil)

// NewImpersonation returns accounts that Roadbed impersonates; it gives them
// their rights when they are first used, and again when capabilities change.
func NewImpersonation(config *rest.Config, catalogue Catalogue) (*Impersonation, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return &Impersonation{
		config: config, client: client, catalogue: catalogue,
		clients: map[string]dynamic.Interface{}, granted: map[string]*rbacv1.Role{},
	}, nil
}

// As returns a client that acts as the account of the namespace.
func (i *Impersonation) As(ctx context.Context, namespace string) (dynamic.Interface, error) {
	capabilities, err := i.catalogue.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	role, binding := Rights(namespace, capabilities)
	i.mu.Lock()
	before, client := i.granted[namespace], i.clients[namespace]
	i.mu.Unlock()
	if before == nil || !equality.Semantic.DeepEqual(before.Rules, role.Rules) {
		if err := i.grant(ctx, role, binding); err != nil {
			return nil, fmt.Errorf("give the account of namespace %q its rights: %w", namespace, err)
		}
	}
	if client == nil {
		config := rest.CopyConfig(i.config)
		config.Impersonate = rest.ImpersonationConfig{UserName: User(namespace)}
		if client, err = dynamic.NewForConfig(config); err != nil {
			return nil, fmt.Errorf("connect to the API server: %w", err)
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.granted[namespace], i.clients[namespace] = role, client
	return client, nil
}

func (i *Impersonation) grant(ctx context.Context, role *rbacv1.Role, binding *rbacv1.RoleBinding) error {
	roles, bindings := i.client.RbacV1().Roles(role.Namespace), i.client.RbacV1().RoleBindings(role.Namespace)
	_, err := roles.Update(ctx, role, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = roles.Create(ctx, role, metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	if _, err = bindings.Create(ctx, binding, metav1.CreateOptions{}); apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
