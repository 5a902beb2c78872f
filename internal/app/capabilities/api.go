package capabilities

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/platformapi"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// Callers says who calls, as the gateway does.
type Callers interface {
	// Caller believes the request's own credential, by the AuthorizationPolicy of
	// that "namespace/name"; native is true for the cluster's own tokens.
	Caller(r *http.Request, policy, api string) (who *gateway.Identity, native bool, refused *exchange.Refusal)
}

// authenticator asks the gateway who calls: the same credential passes both or
// neither.
type authenticator struct {
	callers  Callers
	settings capability.Settings
}

var _ platformapi.Authenticator = authenticator{}

// Authenticate says who calls an API of the Capability.
func (a authenticator) Authenticate(r *http.Request, c *v1alpha1.Capability) (platformapi.Caller, error) {
	who, native, refused := a.callers.Caller(r, a.settings.Guard(c), capability.API(c))
	switch {
	case refused != nil && refused.Status == http.StatusServiceUnavailable:
		return platformapi.Caller{}, fmt.Errorf("the gateway cannot tell: %s", refused.Reason)
	case refused != nil:
		return platformapi.Caller{}, &platformapi.RefusalError{Status: refused.Status, Detail: refused.Detail, Challenge: refused.Challenge}
	case who == nil:
		return platformapi.Caller{}, &platformapi.RefusalError{Status: http.StatusUnauthorized, Detail: "Send a token in the header Authorization: Bearer TOKEN."}
	}
	return platformapi.Caller{
		Name: named(who, native), Workload: who.Kind != gateway.Person, Groups: who.Groups, Tenant: who.Tenant, Namespace: who.Namespace,
	}, nil
}

// named is a caller as the trail has it. Only the cluster's own tokens name whom
// the cluster knows; another issuer's subject goes with its issuer, as Kubernetes
// has it by default, so that nobody passes for somebody else.
func named(who *gateway.Identity, native bool) string {
	switch {
	case native:
		return who.Subject
	case who.Issuer != "":
		return who.Issuer + "#" + who.Subject
	default:
		return string(who.Kind) + "#" + who.Subject
	}
}

// catalogue reads the manager's cache.
type catalogue struct{ reader client.Reader }

var _ platformapi.Catalogue = catalogue{}

// Capabilities are all, as the cache has them.
func (c catalogue) Capabilities(ctx context.Context) ([]*v1alpha1.Capability, error) {
	var list v1alpha1.CapabilityList
	if err := c.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list capabilities: %w", err)
	}
	all := make([]*v1alpha1.Capability, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	return all, nil
}

// Tenant is as the cache has it.
func (c catalogue) Tenant(ctx context.Context, name string) (*tenancyv1alpha1.Tenant, error) {
	tenant := &tenancyv1alpha1.Tenant{}
	if err := c.reader.Get(ctx, client.ObjectKey{Name: name}, tenant, client.UnsafeDisableDeepCopy); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read tenant %q: %w", name, err)
	}
	return tenant, nil
}

// Namespaces are a tenant's that are not on their way out.
func (c catalogue) Namespaces(ctx context.Context, tenant string) ([]string, error) {
	var list corev1.NamespaceList
	err := c.reader.List(ctx, &list, client.MatchingLabels{tenancyv1alpha1.LabelTenant: tenant}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the namespaces of tenant %q: %w", tenant, err)
	}
	var names []string
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			names = append(names, list.Items[i].Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
