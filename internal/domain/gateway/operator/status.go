package operator

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pause is how long a status that could not be written waits.
const pause = 2 * time.Second

// writers is how many statuses are written at once.
const writers = 4

// statuses writes statuses behind the feed, so that no request waits for them.
type statuses struct {
	client  client.Client
	elected <-chan struct{}
	log     *slog.Logger
	rouse   func()
	ready   chan struct{}

	mu sync.Mutex
	// pending are those to be written; written has the versions of objects whose
	// write has not come back by the watch yet.
	pending map[string]client.Object // guarded by mu
	written map[string]string        // guarded by mu
}

func newStatuses(c client.Client, elected <-chan struct{}, log *slog.Logger, rouse func()) *statuses {
	return &statuses{
		client: c, elected: elected, log: log, rouse: rouse, ready: make(chan struct{}, 1),
		pending: map[string]client.Object{}, written: map[string]string{},
	}
}

func nameOf(object client.Object) string {
	return fmt.Sprintf("%T %s/%s", object, object.GetNamespace(), object.GetName())
}

// want replaces what is to be written.
func (s *statuses) want(objects []client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.pending)
	still := map[string]string{}
	for _, object := range objects {
		name := nameOf(object)
		if version, done := s.written[name]; done && version == object.GetResourceVersion() {
			still[name] = version
			continue
		}
		s.pending[name] = object
	}
	s.written = still
	s.signal()
}

// signal is called with mu held.
func (s *statuses) signal() {
	if len(s.pending) == 0 {
		return
	}
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// run writes until the context ends, from the moment that this process leads.
func (s *statuses) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.elected:
	}
	s.provide(ctx)
	var running sync.WaitGroup
	for range writers {
		running.Go(func() { s.write(ctx) })
	}
	running.Wait()
}

// provide makes the GatewayClass where there is none.
func (s *statuses) provide(ctx context.Context) {
	if err := s.client.Create(ctx, Class()); err != nil && !apierrors.IsAlreadyExists(err) {
		s.log.ErrorContext(ctx, "the GatewayClass cannot be made", "name", Class().GetName(), "error", err)
	}
}

func (s *statuses) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.ready:
		}
		for object := s.take(); object != nil && ctx.Err() == nil; object = s.take() {
			s.writeOne(ctx, object)
		}
	}
}

// take removes one of what is pending, and lets another writer know of the rest.
func (s *statuses) take() client.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, object := range s.pending {
		delete(s.pending, name)
		s.written[name] = object.GetResourceVersion()
		s.signal()
		return object
	}
	return nil
}

func (s *statuses) writeOne(ctx context.Context, object client.Object) {
	name := nameOf(object)
	answer, ok := object.DeepCopyObject().(client.Object) // the feed may still read what it wants
	if !ok {
		return // no object's copy is anything else
	}
	err := s.client.Status().Update(ctx, answer)
	if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) || ctx.Err() != nil {
		return // The watch brings what is newer.
	}
	s.log.ErrorContext(ctx, "a status cannot be written", "kind", fmt.Sprintf("%T", object),
		"namespace", object.GetNamespace(), "name", object.GetName(), "error", err)
	s.mu.Lock()
	delete(s.written, name)
	s.mu.Unlock()
	time.AfterFunc(pause, s.rouse)
}
