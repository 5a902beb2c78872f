package kill

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// history is every change of some kinds of objects, by the revision that made
// it. The zero history is empty and ready to use, by several goroutines.
type history struct {
	mu      sync.Mutex
	changes []change // guarded by mu; in the order in which they were seen, per kind that of revisions
}

// change is an object as a revision left it.
type change struct {
	revision uint64
	object   client.Object
	deleted  bool
}

// record adds a change that a watch has shown. The object's resource version is
// the revision that made the change, for a deletion too.
func (h *history) record(obj client.Object, deleted bool) error {
	revision, err := revisionOf(obj)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = append(h.changes, change{revision: revision, object: obj, deleted: deleted})
	return nil
}

// revisionOf is the revision of etcd that an object was written at. All kinds of
// one API server with one etcd count in the same numbers.
func revisionOf(obj client.Object) (uint64, error) {
	revision, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%T %s has no revision: %w", obj, client.ObjectKeyFromObject(obj), err)
	}
	return revision, nil
}

// before returns the object of the same type and name as it was before the
// revision; nil when there was none.
func (h *history) before(revision uint64, like client.Object) client.Object {
	h.mu.Lock()
	defer h.mu.Unlock()
	var last change
	for _, c := range h.changes {
		if c.revision < revision && c.revision >= last.revision && same(c.object, like) {
			last = c
		}
	}
	if last.deleted {
		return nil
	}
	return last.object
}

func same(a, b client.Object) bool {
	return a.GetName() == b.GetName() && a.GetNamespace() == b.GetNamespace() && reflect.TypeOf(a) == reflect.TypeOf(b)
}

// count is how many changes of objects in tenants' namespaces, and of those
// namespaces, there were.
func (h *history) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := 0
	for _, c := range h.changes {
		if c.object.GetLabels()[v1alpha1.LabelTenant] != "" {
			count++
		}
	}
	return count
}

// namespaces are the tenants' namespaces there ever were, by name.
func (h *history) namespaces() map[string]*corev1.Namespace {
	h.mu.Lock()
	defer h.mu.Unlock()
	latest := map[string]*corev1.Namespace{}
	for _, c := range h.changes {
		namespace, is := c.object.(*corev1.Namespace)
		if is && namespace.Labels[v1alpha1.LabelTenant] != "" {
			latest[namespace.Name] = namespace
		}
	}
	return latest
}

// isolated is how many tenants' namespaces are marked as isolated.
func (h *history) isolated() int {
	count := 0
	for _, namespace := range h.namespaces() {
		if isolated(namespace) {
			count++
		}
	}
	return count
}

// has says whether the history knows the object at its revision or later, and
// so everything that happened to its kind before.
func (h *history) has(obj client.Object) bool {
	revision, err := revisionOf(obj)
	if err != nil {
		return false
	}
	latest := h.before(math.MaxUint64, obj)
	if latest == nil {
		return false
	}
	known, err := revisionOf(latest)
	return err == nil && known >= revision
}

// judge returns nil if, just before the pod was written, every wanted guardrail
// of its namespace existed with the wanted content, every quota was live and
// the namespace was marked as isolated; else it says all that was missing.
func (h *history) judge(pod *corev1.Pod, wanted []client.Object) error {
	revision, err := revisionOf(pod)
	if err != nil {
		return err
	}
	var errs []error
	guarded := false
	for _, guardrail := range wanted {
		_, quota := guardrail.(*corev1.ResourceQuota)
		guarded = guarded || quota && guardrail.GetNamespace() == pod.Namespace
		errs = append(errs, inForce(h.before(revision, guardrail), guardrail))
	}
	if !guarded {
		errs = append(errs, errors.New("no quota was planned for its namespace"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("pod %s was admitted at revision %d:\n%w", client.ObjectKeyFromObject(pod), revision, err)
	}
	return nil
}

// inForce says what an object lacks to be the wanted guardrail.
func inForce(live, wanted client.Object) error {
	name := fmt.Sprintf("%T %s", wanted, client.ObjectKeyFromObject(wanted))
	if live == nil {
		return fmt.Errorf("%s did not exist", name)
	}
	if !apply.Contains(live, wanted) {
		return fmt.Errorf("%s was not as planned", name)
	}
	switch live := live.(type) {
	case *corev1.ResourceQuota:
		if !equality.Semantic.DeepEqual(live.Spec.Hard, live.Status.Hard) {
			return fmt.Errorf("%s was not live", name)
		}
	case *corev1.Namespace:
		if !isolated(live) {
			return fmt.Errorf("%s was not isolated", name)
		}
	}
	return nil
}

func isolated(namespace *corev1.Namespace) bool {
	for _, c := range namespace.Status.Conditions {
		if c.Type == v1alpha1.ConditionIsolated {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
