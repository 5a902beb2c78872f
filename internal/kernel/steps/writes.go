package steps

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ownWrites remembers, for each object whose last write the cache has not
// shown yet, the version that the write made: acting on an older one would
// write and tell the same things twice. The zero ownWrites is ready to use and
// safe for concurrent use.
type ownWrites struct {
	mu       sync.Mutex
	versions map[types.NamespacedName]string // guarded by mu
}

func (w *ownWrites) remember(obj client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.versions == nil {
		w.versions = map[types.NamespacedName]string{}
	}
	w.versions[client.ObjectKeyFromObject(obj)] = obj.GetResourceVersion()
}

func (w *ownWrites) forget(key types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.versions, key)
}

// newerThan says whether our last write is missing in obj. Versions that
// cannot be compared are taken as equal.
func (w *ownWrites) newerThan(obj client.Object) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := client.ObjectKeyFromObject(obj)
	version, waiting := w.versions[key]
	if !waiting {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), version)
	if err == nil && order < 0 {
		return true
	}
	delete(w.versions, key)
	return false
}
