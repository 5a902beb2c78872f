package platformapi

import (
	"context"
	"net/http"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/dynamic"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// Caller is who makes a request.
type Caller struct {
	// Name is the person or workload, as it goes into the trail, and as roles are
	// bound to it.
	Name string
	// Workload says that it is no person.
	Workload bool
	// Groups are a person's, as the Tenant's access names them.
	Groups []string
	// Tenant is on whose behalf it acts.
	Tenant string
	// Namespace is where a workload, or the Subscription of a key, lives; empty for
	// others. It is the one that is meant when a request names none, and elsewhere
	// the caller needs a role. Who has none has the role that the Tenant's access
	// gives him.
	Namespace string
}

// RefusalError says why somebody may not make a request. It is for him to read.
type RefusalError struct {
	// Status is 401 where nobody knows who it is, and 403 where it is known.
	Status int
	// Detail is what is wrong and what to do.
	Detail string
	// Challenge is how to show who one is, as the header WWW-Authenticate has it;
	// empty for "Bearer".
	Challenge string
}

// Error is the detail.
func (r *RefusalError) Error() string { return r.Detail }

// Authenticator says who makes a request. It must be safe for concurrent use.
type Authenticator interface {
	// Authenticate returns who calls an API of the Capability. It MUST believe the
	// credential of the request itself and no header that says who calls. A RefusalError
	// says why he may not; every other error, that this cannot be told now. The
	// Capability MUST NOT be changed.
	Authenticate(r *http.Request, capability *v1alpha1.Capability) (Caller, error)
}

// Catalogue knows what is published. It must be safe for concurrent use.
type Catalogue interface {
	// Capabilities are all Capabilities, from a cache. They MUST NOT be changed.
	Capabilities(ctx context.Context) ([]*v1alpha1.Capability, error)
	// Namespaces are the names of a tenant's namespaces, sorted.
	Namespaces(ctx context.Context, tenant string) ([]string, error)
	// Tenant is the Tenant of that name, from a cache; nil where there is none. It
	// MUST NOT be changed.
	Tenant(ctx context.Context, name string) (*tenancyv1alpha1.Tenant, error)
}

// Accounts lets the API act in a namespace. It must be safe for concurrent use.
type Accounts interface {
	// As returns a client that impersonates the guarded account of the namespace,
	// User(namespace), and is allowed what Rights of the capabilities say.
	As(ctx context.Context, namespace string) (dynamic.Interface, error)
	// May says whether the cluster's own rules let somebody do something. It asks
	// each time: what was taken away is gone at once.
	May(ctx context.Context, ask authorizationv1.SubjectAccessReviewSpec) (bool, error)
}

// Documents writes what people and tools read of a capability. They are pure.
type Documents struct {
	// OpenAPI is the document of one version, in JSON.
	OpenAPI func(*v1alpha1.Capability, *v1alpha1.CapabilityVersion) ([]byte, error)
	// Docs is the docs page, in Markdown.
	Docs func(*v1alpha1.Capability) (string, error)
}
