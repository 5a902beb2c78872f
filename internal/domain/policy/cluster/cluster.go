package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// fresh is how long the list of resources is believed, unless Forget is called.
const fresh = 30 * time.Second

// Cluster answers. It is safe for concurrent use.
type Cluster struct {
	Deps

	mu       sync.Mutex
	all      []policy.Served // guarded by mu
	served   []policy.Served // guarded by mu; those of all that policies may be asked about
	objects  []policy.Served // guarded by mu; those of served that can be listed and watched
	complete bool            // guarded by mu; every server answered for all
	read     time.Time       // guarded by mu; zero when these are not to be believed
}

// Deps are what a Cluster asks. All are required.
type Deps struct {
	// Cached knows namespaces, without asking the API server.
	Cached client.Reader
	// Direct asks the API server.
	Direct client.Reader
	// Bindings knows role bindings of everybody; it may begin to when it is
	// first asked.
	Bindings client.Reader
	// AsksRoles tells whether any policy asks for the roles of users.
	AsksRoles func() bool
	Discovery discovery.ServerResourcesInterface
	Clock     clock.PassiveClock
	Log       *slog.Logger
}

// New returns a Cluster.
func New(deps Deps) *Cluster { return &Cluster{Deps: deps} }

// Namespace returns a namespace, or nil when there is none. One that the cache
// does not know is asked for: it may be new.
func (c *Cluster) Namespace(ctx context.Context, name string) (map[string]any, error) {
	var namespace corev1.Namespace
	err := c.Cached.Get(ctx, client.ObjectKey{Name: name}, &namespace)
	if apierrors.IsNotFound(err) {
		err = c.Direct.Get(ctx, client.ObjectKey{Name: name}, &namespace)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read namespace %q: %w", name, err)
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&namespace)
	if err != nil {
		return nil, fmt.Errorf("read namespace %q: %w", name, err)
	}
	object["apiVersion"], object["kind"] = "v1", "Namespace"
	return object, nil
}
