package platformapi

import (
	"context"
	"errors"
	"net/http"

	"k8s.io/client-go/dynamic"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// Caller is who makes a request.
type Caller struct {
	// Name is the person or workload, as it goes into the trail.
	Name string
	// Workload says that it is no person.
	Workload bool
	// Tenant is on whose behalf it acts.
	Tenant string
	// Namespace is where a workload runs, empty for others. It is the one that is
	// meant when a request names none.
	Namespace string
}

// ErrUnauthenticated says that nobody knows who makes a request.
var ErrUnauthenticated = errors.New("the request says not who makes it")

// Authenticator says who makes a request. It must be safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the caller, or an error that wraps ErrUnauthenticated
	// where there is none; every other error means that it cannot tell now.
	Authenticate(r *http.Request) (Caller, error)
}

// Catalogue knows what is published. It must be safe for concurrent use.
type Catalogue interface {
	// Capabilities are all Capabilities, from a cache. They MUST NOT be changed.
	Capabilities(ctx context.Context) ([]*v1alpha1.Capability, error)
	// Namespaces are the names of a tenant's namespaces, sorted.
	Namespaces(ctx context.Context, tenant string) ([]string, error)
}

// Accounts lets the API act in a namespace. It must be safe for concurrent use.
type Accounts interface {
	// As returns a client that impersonates the guarded account of the namespace,
	// User(namespace), and is allowed what Rights of the capabilities say.
	As(ctx context.Context, namespace string) (dynamic.Interface, error)
}

// Documents writes what people and tools read of a capability. They are pure.
type Documents struct {
	// OpenAPI is the document of one version, in JSON.
	OpenAPI func(*v1alpha1.Capability, *v1alpha1.CapabilityVersion) ([]byte, error)
	// Docs is the docs page, in Markdown.
	Docs func(*v1alpha1.Capability) (string, error)
}
