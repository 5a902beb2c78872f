package kill

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// again is how soon a refused pod is tried again.
const again = 15 * time.Millisecond

// attempts creates pods: in each tenant namespace, from the moment it exists,
// until one is admitted.
type attempts struct {
	client   client.Client
	recorder *recorder
	running  sync.WaitGroup

	mu       sync.Mutex
	created  []*corev1.Pod // guarded by mu
	refusals int           // guarded by mu
	oddities []error       // guarded by mu
}

// attempt starts the attempts, which end with ctx; wait for that with close.
func attempt(ctx context.Context, c client.Client, r *recorder) *attempts {
	a := &attempts{client: c, recorder: r}
	a.running.Go(func() { a.everywhere(ctx) })
	return a
}

// everywhere begins with each namespace as soon as the recorder sees it.
func (a *attempts) everywhere(ctx context.Context) {
	begun := map[string]bool{}
	fresh := func(h *history) (found bool) {
		for name := range h.namespaces() {
			if !begun[name] {
				begun[name], found = true, true
				a.running.Go(func() { a.in(ctx, name) })
			}
		}
		return found
	}
	for ctx.Err() == nil {
		if err := a.recorder.await(ctx, fresh); err != nil {
			return
		}
	}
}

// in tries until a pod is admitted.
func (a *attempts) in(ctx context.Context, namespace string) {
	ticker := time.NewTicker(again)
	defer ticker.Stop()
	for !a.once(ctx, namespace) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// once makes one attempt and says whether the pod was admitted.
func (a *attempts) once(ctx context.Context, namespace string) bool {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "eager-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
	err := a.client.Create(ctx, pod)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.created = append(a.created, pod)
		return true
	case refusal(err):
		a.refusals++
	case ctx.Err() == nil && len(a.oddities) < 10:
		a.oddities = append(a.oddities, fmt.Errorf("in namespace %q: %w", namespace, err))
	}
	return false
}

// refusal says whether a pod was refused, by a guard or by what Kubernetes
// itself still lacks in a namespace that is under way, or was in the way of
// another at its quota.
func refusal(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsConflict(err) }

// close waits until all attempts have ended.
func (a *attempts) close() { a.running.Wait() }

func (a *attempts) admitted() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.created)
}

func (a *attempts) pods() []*corev1.Pod {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*corev1.Pod(nil), a.created...)
}

func (a *attempts) refused() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refusals
}

// surprises are errors that are no refusals.
func (a *attempts) surprises() []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]error(nil), a.oddities...)
}
