package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tracker follows all objects of one kind by a watch and knows since when each
// is as it should be. It costs the API server one watch and nothing else, so
// that waiting does not slow down what is waited for.
type tracker[T client.Object] struct {
	// missing says what an object still lacks; "" is how it should be.
	missing func(T) string

	mu      sync.Mutex
	states  map[string]state // guarded by mu
	changed chan struct{}    // guarded by mu; closed and replaced at each change
}

type state struct {
	missing string
	since   time.Time
}

// follow starts a tracker, which ends with ctx. Every object of the kind that
// exists is known when it returns.
func follow[T client.Object](ctx context.Context, config *rest.Config, sample T, missing func(T) string) (*tracker[T], error) {
	objects, err := cache.New(config, cache.Options{Scheme: scheme, DefaultTransform: cache.TransformStripManagedFields()})
	if err != nil {
		return nil, fmt.Errorf("follow %T: %w", sample, err)
	}
	t := &tracker[T]{missing: missing, states: map[string]state{}, changed: make(chan struct{})}
	informer, err := objects.GetInformer(ctx, sample, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("follow %T: %w", sample, err)
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    t.see,
		UpdateFunc: func(_, obj any) { t.see(obj) },
		DeleteFunc: t.lose,
	})
	if err != nil {
		return nil, fmt.Errorf("follow %T: %w", sample, err)
	}
	go func() { _ = objects.Start(ctx) }()
	if !toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return nil, fmt.Errorf("follow %T: %w", sample, context.Cause(ctx))
	}
	return t, nil
}

func (t *tracker[T]) see(seen any) {
	obj, ok := seen.(T)
	if !ok {
		return
	}
	lacks, name := t.missing(obj), client.ObjectKeyFromObject(obj).String()
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, known := t.states[name]; known && old.missing == lacks {
		return
	}
	t.states[name] = state{missing: lacks, since: time.Now()}
	t.announce()
}

func (t *tracker[T]) lose(seen any) {
	if tombstone, ok := seen.(toolscache.DeletedFinalStateUnknown); ok {
		seen = tombstone.Obj
	}
	obj, ok := seen.(T)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.states, client.ObjectKeyFromObject(obj).String())
	t.announce()
}

// announce wakes everybody who waits. The caller holds mu.
func (t *tracker[T]) announce() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// await waits until every object of these keys is as it should be, and returns
// when the last of them became so. It reports progress as it goes, and gives
// up when nothing at all changes for patience.
func (t *tracker[T]) await(ctx context.Context, keys []string, patience time.Duration, progress func(done int)) (time.Time, error) {
	for {
		pending, last, changed := t.look(keys)
		if progress != nil {
			progress(len(keys) - len(pending))
		}
		if len(pending) == 0 {
			return last, nil
		}
		timer := time.NewTimer(patience)
		select {
		case <-changed:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return time.Time{}, context.Cause(ctx)
		case <-timer.C:
			return time.Time{}, stuck(pending, patience)
		}
	}
}

// look returns a line for each key that is not as it should be, when the last
// one became so, and what to wait for before looking again.
func (t *tracker[T]) look(keys []string) (pending []string, last time.Time, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		s, known := t.states[key]
		switch {
		case !known:
			pending = append(pending, key+": does not exist")
		case s.missing != "":
			pending = append(pending, key+": "+s.missing)
		case s.since.After(last):
			last = s.since
		}
	}
	return pending, last, t.changed
}

func stuck(pending []string, patience time.Duration) error {
	const shown = 5
	slices.Sort(pending)
	message := fmt.Sprintf("nothing changed for %s and %d objects are not as they should be:\n  %s",
		patience, len(pending), strings.Join(pending[:min(shown, len(pending))], "\n  "))
	return errors.New(message)
}
