package operator

import (
	"context"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
)

// readLimit is how long a turn waits for what is referred to for the first time.
const readLimit = 5 * time.Second

// referenced watches single Secrets and ConfigMaps. It is for one goroutine.
type referenced struct {
	clientset kubernetes.Interface
	feed      *Feed
	watches   map[watched]context.CancelFunc
}

// watched names a Secret or a ConfigMap.
type watched struct {
	resource string
	key      translate.Key
}

func newReferenced(clientset kubernetes.Interface, feed *Feed) *referenced {
	return &referenced{clientset: clientset, feed: feed, watches: map[watched]context.CancelFunc{}}
}

// follow watches these and no others. It says whether there were any new ones, and
// has read those.
func (r *referenced) follow(ctx context.Context, secrets, configMaps []translate.Key) bool {
	wanted := map[watched]bool{}
	for _, key := range secrets {
		wanted[watched{"secrets", key}] = true
	}
	for _, key := range configMaps {
		wanted[watched{"configmaps", key}] = true
	}
	for each, cancel := range r.watches {
		if !wanted[each] {
			cancel()
			delete(r.watches, each)
			r.feed.changed(each.object(), true)
		}
	}
	var read []toolscache.InformerSynced
	for each := range wanted {
		if r.watches[each] == nil {
			read = append(read, r.watch(ctx, each))
		}
	}
	if len(read) == 0 {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	toolscache.WaitForCacheSync(limited.Done(), read...)
	return true
}

func (r *referenced) watch(ctx context.Context, w watched) toolscache.InformerSynced {
	source := toolscache.NewListWatchFromClient(r.clientset.CoreV1().RESTClient(), w.resource, w.key.Namespace,
		fields.OneTermEqualSelector("metadata.name", w.key.Name))
	_, informer := toolscache.NewInformerWithOptions(toolscache.InformerOptions{
		ListerWatcher: source, ObjectType: w.object().(runtime.Object), Handler: r.feed,
	})
	ctx, cancel := context.WithCancel(ctx)
	r.watches[w] = cancel
	go informer.RunWithContext(ctx)
	return informer.HasSynced
}

// stop ends all watches.
func (r *referenced) stop() {
	for _, cancel := range slices.Collect(maps.Values(r.watches)) {
		cancel()
	}
}

func (w watched) object() client.Object {
	if w.resource == "secrets" {
		secret := &corev1.Secret{}
		secret.Namespace, secret.Name = w.key.Namespace, w.key.Name
		return secret
	}
	configMap := &corev1.ConfigMap{}
	configMap.Namespace, configMap.Name = w.key.Namespace, w.key.Name
	return configMap
}
