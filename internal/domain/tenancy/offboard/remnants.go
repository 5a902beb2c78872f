package offboard

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// Remnants finds what is left in a namespace that is being deleted, whatever
// its kind, and what holds it. It is safe for concurrent use.
type Remnants struct {
	discovery discovery.DiscoveryInterface
	metadata  metadata.Interface
	clock     clock.PassiveClock

	mu    sync.Mutex
	known []schema.GroupVersionResource // guarded by mu
	until time.Time                     // guarded by mu; known is asked for anew after it
}

// NewRemnants returns one that asks the manager's API server, never the cache:
// it looks at kinds that the program does not know beforehand.
func NewRemnants(mgr manager.Manager, clock clock.PassiveClock) (*Remnants, error) {
	config, httpClient := quiet(mgr.GetConfig()), mgr.GetHTTPClient()
	kinds, err := discovery.NewDiscoveryClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make the discovery client: %w", err)
	}
	heads, err := metadata.NewForConfigAndClient(metadata.ConfigFor(config), httpClient)
	if err != nil {
		return nil, fmt.Errorf("make the metadata client: %w", err)
	}
	return &Remnants{discovery: kinds, metadata: heads, clock: clock}, nil
}

// quiet is the connection without warnings of deprecation: old kinds are read
// because they are there.
func quiet(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	return config
}

// kindsFor is how long the list of kinds is good for.
const kindsFor = time.Minute

// remnant is one object that is left.
type remnant struct {
	resource, namespace, name string
	// deleting is true once its deletion was asked for.
	deleting bool
	// holds are the finalizers that keep it, with who set each.
	holds []hook
}

// hook is a finalizer and the field manager that set it.
type hook struct{ finalizer, manager string }

// String names the object as kubectl takes it.
func (r remnant) String() string {
	if r.namespace == "" {
		return r.resource + "/" + r.name
	}
	return fmt.Sprintf("%s/%s in namespace %s", r.resource, r.name, r.namespace)
}

// ours says whether nothing but our own finalizer keeps the object.
func (r remnant) ours() bool {
	return len(r.holds) == 1 && r.holds[0].finalizer == v1alpha1.Finalizer
}

// kinds are the namespaced kinds that can be listed and deleted.
func (r *Remnants) kinds(context.Context) ([]schema.GroupVersionResource, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.clock.Now(); now.Before(r.until) {
		return r.known, nil
	}
	lists, err := r.discovery.ServerPreferredNamespacedResources()
	if err != nil && len(lists) == 0 {
		return nil, fmt.Errorf("ask for the kinds of objects: %w", err)
	}
	wanted := discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}
	found, err := discovery.GroupVersionResources(discovery.FilteredBy(wanted, lists))
	if err != nil {
		return nil, fmt.Errorf("read the kinds of objects: %w", err)
	}
	r.known = r.known[:0:0]
	for kind := range found {
		r.known = append(r.known, kind)
	}
	slices.SortFunc(r.known, func(a, b schema.GroupVersionResource) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource))
	})
	r.until = r.clock.Now().Add(kindsFor)
	return r.known, nil
}

// survey lists what is left in the namespace. blind is true if there are kinds
// that Roadbed may not list there; it may only while a tenant is offboarded.
func (r *Remnants) survey(ctx context.Context, namespace string) (left []remnant, blind bool, err error) {
	kinds, err := r.kinds(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, kind := range kinds {
		list, err := r.metadata.Resource(kind).Namespace(namespace).List(ctx, metav1.ListOptions{})
		switch {
		case apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err):
			continue // The kind was removed a moment ago.
		case apierrors.IsForbidden(err):
			blind = true
			continue
		case err != nil:
			return nil, false, fmt.Errorf("list %s in namespace %q: %w", kind.GroupResource(), namespace, err)
		}
		for i := range list.Items {
			left = append(left, remnantOf(kind, &list.Items[i]))
		}
	}
	return left, blind, nil
}

// self is the namespace's own object, if it is still there.
func (r *Remnants) self(ctx context.Context, namespace string) ([]remnant, error) {
	kind := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	obj, err := r.metadata.Resource(kind).Get(ctx, namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read namespace %q: %w", namespace, err)
	}
	return []remnant{remnantOf(kind, obj)}, nil
}

func remnantOf(kind schema.GroupVersionResource, obj *metav1.PartialObjectMetadata) remnant {
	r := remnant{
		resource: kind.GroupResource().String(), namespace: obj.Namespace, name: obj.Name,
		deleting: !obj.DeletionTimestamp.IsZero(),
	}
	for _, finalizer := range obj.Finalizers {
		r.holds = append(r.holds, hook{finalizer: finalizer, manager: managerOf(obj.ManagedFields, finalizer)})
	}
	return r
}

// managerOf is who set the finalizer, as the server remembers it.
func managerOf(fields []metav1.ManagedFieldsEntry, finalizer string) string {
	for _, entry := range fields {
		if entry.FieldsV1 == nil {
			continue
		}
		var set struct {
			Metadata struct {
				Finalizers map[string]json.RawMessage `json:"f:finalizers"`
			} `json:"f:metadata"`
		}
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &set) != nil {
			continue
		}
		if _, mine := set.Metadata.Finalizers[fmt.Sprintf("v:%q", finalizer)]; mine {
			return entry.Manager
		}
	}
	return "an unknown manager"
}

// Wait says what the namespaces' deletion waits for: with StuckFinalizer if
// anybody's finalizer but ours holds an object, else with the given reason.
func (r *Remnants) Wait(ctx context.Context, reason string, namespaces map[string]*corev1.Namespace) steps.Result {
	var stuck []string
	names := slices.Sorted(maps.Keys(namespaces))
	for _, name := range names {
		found, err := r.stuck(ctx, namespaces[name])
		if err != nil {
			return steps.Failed(reason, err)
		}
		stuck = append(stuck, found...)
	}
	if len(stuck) > 0 {
		return steps.Waiting(tenancy.ReasonStuckFinalizer, strings.Join(stuck, "; "), estate.Soon)
	}
	return steps.Waiting(reason, fmt.Sprintf("being deleted: %s", strings.Join(names, ", ")), estate.Soon)
}

// stuck names what a finalizer holds in a namespace or on it.
func (r *Remnants) stuck(ctx context.Context, ns *corev1.Namespace) ([]string, error) {
	left, blind, err := r.survey(ctx, ns.Name)
	if err != nil {
		return nil, err
	}
	self, err := r.self(ctx, ns.Name)
	if err != nil {
		return nil, err
	}
	found := describeStuck(append(self, left...))
	if len(found) == 0 && blind {
		return reported(ns), nil
	}
	return found, nil
}

// reported is what Kubernetes itself says of finalizers in the namespace: kinds
// and finalizers, but neither names nor managers.
func reported(ns *corev1.Namespace) []string {
	for _, c := range ns.Status.Conditions {
		if c.Type == corev1.NamespaceFinalizersRemaining && c.Status == corev1.ConditionTrue && !onlyOurs(c.Message) {
			return []string{fmt.Sprintf("namespace %s: %s", ns.Name, c.Message)}
		}
	}
	return nil
}

// finalizersRemaining begins each entry of that condition's message, as the
// namespace controller writes it: "FINALIZER in N resource instances".
const finalizersRemaining = "Some content in the namespace has finalizers remaining: "

func onlyOurs(message string) bool {
	for entry := range strings.SplitSeq(strings.TrimPrefix(message, finalizersRemaining), ", ") {
		if !strings.HasPrefix(entry, v1alpha1.Finalizer+" in ") {
			return false
		}
	}
	return true
}

// contentRemaining begins the message about what is left: "RESOURCE has N
// resource instances" for each.
const contentRemaining = "Some resources are remaining: "

// onlyBindings says whether Kubernetes reports that nothing but role bindings
// is left in the namespace.
func onlyBindings(ns *corev1.Namespace) bool {
	for _, c := range ns.Status.Conditions {
		if c.Type != corev1.NamespaceContentRemaining || c.Status != corev1.ConditionTrue {
			continue
		}
		for entry := range strings.SplitSeq(strings.TrimPrefix(c.Message, contentRemaining), ", ") {
			if !strings.HasPrefix(entry, "rolebindings.rbac.authorization.k8s.io has ") {
				return false
			}
		}
		return true
	}
	return false
}

// describeStuck names the objects that a finalizer holds, at most a few.
func describeStuck(left []remnant) []string {
	const most = 5
	var told []string
	more := 0
	for _, each := range left {
		if !each.deleting || len(each.holds) == 0 || each.ours() {
			continue
		}
		if len(told) == most {
			more++
			continue
		}
		told = append(told, describeHolds(each))
	}
	if more > 0 {
		told = append(told, fmt.Sprintf("and %d more objects", more))
	}
	return told
}

func describeHolds(r remnant) string {
	var holds []string
	for _, h := range r.holds {
		if h.finalizer != v1alpha1.Finalizer {
			holds = append(holds, fmt.Sprintf("finalizer %q, set by %q", h.finalizer, h.manager))
		}
	}
	return fmt.Sprintf("%s is held by %s: let its controller finish, or remove the finalizer if that controller is gone", r, strings.Join(holds, " and "))
}
