package kill

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// guardrailKinds returns a list for each kind of guardrail.
func guardrailKinds() []client.ObjectList {
	return []client.ObjectList{
		&corev1.NamespaceList{},
		&corev1.ResourceQuotaList{},
		&corev1.LimitRangeList{},
		&networkingv1.NetworkPolicyList{},
		&rbacv1.RoleBindingList{},
	}
}

// recorder writes a history by watching every kind of guardrail, without gaps.
type recorder struct {
	history history
	client  client.WithWatch

	mu      sync.Mutex
	changed chan struct{} // guarded by mu; closed and replaced at each change
	err     error         // guarded by mu; the first thing that went wrong
	watches sync.WaitGroup
}

// record starts a recorder, whose watches end with ctx; wait for that with
// close. What exists already is on record when it returns.
func record(ctx context.Context, c client.WithWatch) (*recorder, error) {
	r := &recorder{client: c, changed: make(chan struct{})}
	for _, list := range guardrailKinds() {
		if err := c.List(ctx, list); err != nil {
			return nil, fmt.Errorf("list what exists: %w", err)
		}
		revision := list.GetResourceVersion()
		err := meta.EachListItem(list, func(item runtime.Object) error { return r.history.record(item.(client.Object), false) })
		if err != nil {
			return nil, err
		}
		r.watches.Go(func() { r.fail(r.follow(ctx, list, revision)) })
	}
	return r, nil
}

// follow records one kind from a revision on. A watch that the API server ends
// is begun again where it ended.
func (r *recorder) follow(ctx context.Context, list client.ObjectList, revision string) error {
	for ctx.Err() == nil {
		events, err := r.client.Watch(ctx, list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: revision}})
		if err != nil {
			return fmt.Errorf("watch %T: %w", list, err)
		}
		for event := range events.ResultChan() {
			obj, err := r.see(event)
			if err != nil {
				events.Stop()
				return fmt.Errorf("watch %T: %w", list, err)
			}
			revision = obj.GetResourceVersion()
		}
	}
	return nil
}

func (r *recorder) see(event watch.Event) (client.Object, error) {
	if event.Type == watch.Error {
		return nil, apierrors.FromObject(event.Object)
	}
	obj, ok := event.Object.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%T is no object", event.Object)
	}
	if err := r.history.record(obj, event.Type == watch.Deleted); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.announce()
	return obj, nil
}

// announce wakes everybody who waits. The caller holds mu.
func (r *recorder) announce() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) fail(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	r.announce()
}

// await waits until the history meets a condition.
func (r *recorder) await(ctx context.Context, met func(*history) bool) error {
	for {
		r.mu.Lock()
		changed, err := r.changed, r.err
		r.mu.Unlock()
		if err != nil || met(&r.history) {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// close waits until the watches have ended.
func (r *recorder) close() { r.watches.Wait() }
