package operator

import (
	"context"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	watching "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
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
	source := patient(r.feed.clock, toolscache.NewListWatchFromClient(r.clientset.CoreV1().RESTClient(), w.resource, w.key.Namespace,
		fields.OneTermEqualSelector("metadata.name", w.key.Name)))
	_, informer := toolscache.NewInformerWithOptions(toolscache.InformerOptions{
		ListerWatcher: source, ObjectType: w.object().(runtime.Object), Handler: r.feed,
	})
	ctx, cancel := context.WithCancel(ctx)
	r.watches[w] = cancel
	go informer.RunWithContext(ctx)
	return informer.HasSynced
}

const (
	// grantedWithin is how long the right to what is referred to for the first time
	// may take, which the leader gives at once.
	grantedWithin = 3 * time.Second
	// askAgain is how soon it is tried again.
	askAgain = 20 * time.Millisecond
)

// patient tries again what is forbidden, so that a right that is being given is not
// waited for by the longer pauses of a reflector.
func patient(c clock.Clock, source *toolscache.ListWatch) *toolscache.ListWatch {
	list, watch := source.ListWithContextFunc, source.WatchFuncWithContext
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return permitted(ctx, c, func() (runtime.Object, error) { return list(ctx, options) })
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watching.Interface, error) {
			return permitted(ctx, c, func() (watching.Interface, error) { return watch(ctx, options) })
		},
	}
}

func permitted[T any](ctx context.Context, c clock.Clock, ask func() (T, error)) (T, error) {
	limit := c.Now().Add(grantedWithin)
	for {
		answer, err := ask()
		if !apierrors.IsForbidden(err) || c.Now().After(limit) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-c.After(askAgain):
		}
	}
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
