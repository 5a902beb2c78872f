package reportapi

import (
	"context"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// Watches look for changes once in every look, and take in batch of them at once.
const (
	look  = time.Second
	batch = 1000
)

// watcher is one watch. Its goroutine ends with the request, with Stop or with
// the server, and closes the channel.
type watcher struct {
	*storage
	namespace string
	wanted    selection
	// revision is up to which everything was told.
	revision int64
	// initial has it begin with everything there is; bookmark says where that ends.
	initial, bookmark bool

	out    chan watch.Event
	cancel context.CancelFunc
}

var _ watch.Interface = (*watcher)(nil)

// Watch tells what changes after a resource version; without one, or at 0, it
// begins with everything there is.
func (s *storage) Watch(ctx context.Context, options *metainternalversion.ListOptions) (watch.Interface, error) {
	w := &watcher{storage: s, namespace: request.NamespaceValue(ctx), wanted: selectionOf(options), out: make(chan watch.Event)}
	version, begin := "", false
	if options != nil {
		version = options.ResourceVersion
		begin = options.SendInitialEvents != nil && *options.SendInitialEvents
		w.bookmark = begin && options.AllowWatchBookmarks // whoever did not allow one is sent none
	}
	var err error
	if w.revision, err = s.watchFrom(ctx, version); err != nil {
		return nil, err
	}
	w.initial = begin || w.revision == 0
	if options != nil && options.SendInitialEvents != nil && !*options.SendInitialEvents {
		w.initial = false
	}
	ctx, w.cancel = context.WithCancel(request.WithNamespace(ctx, w.namespace))
	go w.run(ctx)
	return w, nil
}

// ResultChan is where events come.
func (w *watcher) ResultChan() <-chan watch.Event { return w.out }

// Stop ends the watch.
func (w *watcher) Stop() { w.cancel() }

// run tells what there is and what changes, until it is stopped.
func (w *watcher) run(ctx context.Context) {
	defer close(w.out)
	defer w.cancel()
	var ended sync.WaitGroup
	defer ended.Wait()
	defer w.cancel()
	ended.Go(func() {
		select {
		case <-w.stop:
			w.cancel()
		case <-ctx.Done():
		}
	})
	if err := w.follow(ctx); err != nil && ctx.Err() == nil {
		status := apierrors.NewInternalError(err).Status()
		w.send(ctx, watch.Event{Type: watch.Error, Object: &status})
	}
}

func (w *watcher) follow(ctx context.Context) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	ticker := w.clock.NewTicker(look)
	defer ticker.Stop()
	for {
		if err := w.catchUp(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// begin finds where to begin, and tells what there is if that is asked for.
func (w *watcher) begin(ctx context.Context) error {
	if w.revision != 0 && !w.initial {
		return nil
	}
	var err error
	if w.revision, err = w.store.Revision(ctx); err != nil || !w.initial {
		return err
	}
	items, _, err := w.page(ctx, w.wanted, "", 0)
	if err != nil {
		return err
	}
	for _, item := range items {
		w.send(ctx, watch.Event{Type: watch.Added, Object: item})
	}
	if !w.bookmark {
		return nil
	}
	end := w.kind.empty()
	about, err := meta.Accessor(end)
	if err != nil {
		return err
	}
	about.SetResourceVersion(strconv.FormatInt(w.revision, 10))
	about.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	w.send(ctx, watch.Event{Type: watch.Bookmark, Object: end})
	return nil
}

// send hands an event over, unless the watch ends.
func (w *watcher) send(ctx context.Context, event watch.Event) {
	select {
	case <-ctx.Done():
	case w.out <- event:
	}
}

// catchUp tells everything that has changed.
func (w *watcher) catchUp(ctx context.Context) error {
	newest, err := w.store.Revision(ctx)
	if err != nil || newest <= w.revision {
		return err
	}
	for ctx.Err() == nil {
		changes, err := w.store.Changes(ctx, w.wanted.query(w.kind, w.namespace), w.revision, batch)
		if err != nil {
			return err
		}
		for _, turn := range turnsOf(changes) {
			if err := w.tell(ctx, turn); err != nil {
				return err
			}
		}
		if len(changes) < batch {
			w.revision = max(w.revision, newest)
		}
		if len(changes) > 0 {
			w.revision = max(w.revision, changes[len(changes)-1].Revision)
		}
		if len(changes) < batch {
			return nil
		}
	}
	return nil
}

// turn is what several changes did to one subject.
type turn struct {
	subject history.Subject
	// revision is that of the last change.
	revision int64
	// grown is by how many results the subject has more than before.
	grown int
}

// turnsOf sums up changes by subject, in the order of each one's last change.
func turnsOf(changes []history.Change) []turn {
	last := map[string]int{}
	grown := map[string]int{}
	for i, change := range changes {
		last[change.Subject.UID] = i
		if change.Before == "" {
			grown[change.Subject.UID]++
		}
		if change.After == "" {
			grown[change.Subject.UID]--
		}
	}
	var turns []turn
	for i, change := range changes {
		if last[change.Subject.UID] == i {
			turns = append(turns, turn{change.Subject, change.Revision, grown[change.Subject.UID]})
		}
	}
	return turns
}

// tell says what became of a subject.
func (w *watcher) tell(ctx context.Context, t turn) error {
	if (t.subject.Namespace != "") != w.kind.namespaced {
		return nil
	}
	reports, err := w.store.Reports(ctx, history.Query{UID: t.subject.UID})
	if err != nil {
		return err
	}
	event := watch.Event{Type: watch.Deleted}
	known := history.Report{Judgement: history.Judgement{Subject: t.subject}}
	if len(reports) > 0 {
		known, event.Type = reports[0], watch.Modified
		if len(known.Results) == t.grown {
			event.Type = watch.Added
		}
	}
	known.Revision = t.revision
	event.Object = w.kind.of(known)
	v, err := viewOf(event.Object)
	if err != nil {
		return err
	}
	unheardOf := len(reports) == 0 && t.grown == 0 // it came and went
	if !unheardOf && w.wanted.matches(v) {
		w.send(ctx, event)
	}
	return nil
}
