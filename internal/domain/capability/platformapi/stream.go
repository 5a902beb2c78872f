package platformapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// beat is how often a stream says that it lives, so that proxies keep it open.
const beat = 15 * time.Second

// event is one change in a namespace. One without a claim says how far the
// namespace has come, or why nothing more comes of it.
type event struct {
	kind      watch.EventType
	namespace string
	claim     *unstructured.Unstructured
	revision  string // where the namespace is by then; empty where it is not known
	wrong     error
}

// point is how far a stream has come: a revision for each namespace whose
// claims were all sent.
type point map[string]string

// String is the point as events' ids have it: NAMESPACE:REVISION,...
func (p point) String() string {
	parts := make([]string, 0, len(p))
	for _, namespace := range slices.Sorted(maps.Keys(p)) {
		parts = append(parts, namespace+":"+p[namespace])
	}
	return strings.Join(parts, ",")
}

// parsePoint reads an id; the empty one is the beginning.
func parsePoint(text string) (point, error) {
	p := point{}
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		namespace, revision, _ := strings.Cut(part, ":")
		if _, err := strconv.ParseUint(revision, 10, 64); err != nil || namespace == "" {
			return nil, errors.New("Last-Event-ID: it is none that an event had")
		}
		p[namespace] = revision
	}
	return p, nil
}

// pointOf is where a watch is to begin: behind the event that the client saw
// last, or at the revision of its list, or with all that is there. Namespaces that it
// does not watch, or no longer, are forgotten.
func pointOf(r *http.Request, to *target) (point, error) {
	last := r.Header.Get("Last-Event-ID")
	if last != "" || to.revision == "" {
		p, err := parsePoint(last)
		maps.DeleteFunc(p, func(namespace, _ string) bool { return !slices.Contains(to.namespaces, namespace) })
		return p, err
	}
	p := point{}
	for _, namespace := range to.namespaces {
		p[namespace] = to.revision
	}
	return p, nil
}

// stream sends the claims there are, or where the client says how far it has come
// nothing of that, and then every change, as server-sent events ADDED, MODIFIED and
// DELETED. It ends when a watch does; who sends the id of the last event misses
// nothing. An event ERROR says why there is nothing to go on from.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, to *target) {
	from, err := pointOf(r, to)
	if err != nil {
		problem.Write(w, problem.New(http.StatusBadRequest, err.Error()))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	watches, known, err := h.watches(ctx, to, from)
	if err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	changes := make(chan event)
	ended := make(chan struct{})
	var watching sync.WaitGroup
	for namespace, each := range watches {
		watching.Go(func() { forward(ctx, namespace, each, changes); cancel() })
	}
	go func() { watching.Wait(); close(ended) }()
	defer func() { cancel(); <-ended }()

	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // a front that has none needs none
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	for _, each := range known {
		if h.write(w, from, each) != nil {
			return
		}
	}
	pulse := time.NewTicker(beat)
	defer pulse.Stop()
	for out.Flush() == nil {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-h.ending:
			return
		case <-pulse.C:
			_, err = fmt.Fprint(w, ": alive\n\n")
		case change := <-changes:
			err = h.write(w, from, change)
		}
		if err != nil {
			_ = out.Flush() // the last word, if there is somebody to hear it
			return
		}
	}
}

// watches begins to watch each namespace from where the client has come, and returns
// what was there in those that it has not seen.
func (h *Handler) watches(ctx context.Context, to *target, from point) (watches map[string]watch.Interface, known []event, err error) {
	watches = map[string]watch.Interface{}
	for _, namespace := range to.namespaces {
		client, err := h.accounts.As(ctx, namespace)
		if err != nil {
			return nil, nil, err
		}
		claims := client.Resource(to.resource).Namespace(namespace)
		revision, seen := from[namespace]
		if !seen {
			found, err := claims.List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, nil, err
			}
			revision = found.GetResourceVersion()
			for i := range found.Items {
				known = append(known, event{kind: watch.Added, namespace: namespace, claim: &found.Items[i]})
			}
			known = append(known, event{kind: watch.Bookmark, namespace: namespace, revision: revision})
		}
		begun, err := claims.Watch(ctx, metav1.ListOptions{ResourceVersion: revision, AllowWatchBookmarks: true})
		switch {
		case gone(err):
			known = append(known, event{kind: watch.Error, namespace: namespace, wrong: err})
		case err != nil:
			return nil, nil, err
		default:
			watches[namespace] = begun
		}
	}
	return watches, known, nil
}

// gone says that the API server no longer knows what happened since a revision.
func gone(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// forward passes a watch on until it or ctx ends.
func forward(ctx context.Context, namespace string, from watch.Interface, to chan<- event) {
	defer from.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case change, open := <-from.ResultChan():
			if !open {
				return
			}
			select {
			case to <- eventOf(namespace, change):
			case <-ctx.Done():
				return
			}
		}
	}
}

func eventOf(namespace string, change watch.Event) event {
	claim, is := change.Object.(*unstructured.Unstructured)
	switch {
	case change.Type == watch.Error || !is:
		return event{kind: watch.Error, namespace: namespace, wrong: apierrors.FromObject(change.Object)}
	case change.Type == watch.Bookmark:
		return event{kind: watch.Bookmark, namespace: namespace, revision: claim.GetResourceVersion()}
	}
	return event{kind: change.Type, namespace: namespace, claim: claim, revision: claim.GetResourceVersion()}
}

// errOver ends a stream that has said why.
var errOver = errors.New("the stream is over")

// write sends an event with how far the stream has come by then. A stream that
// cannot go on takes the id back, so that who connects again begins anew.
func (h *Handler) write(w http.ResponseWriter, at point, e event) error {
	if e.revision != "" {
		at[e.namespace] = e.revision
	}
	switch e.kind {
	case watch.Bookmark:
		_, err := fmt.Fprintf(w, "id: %s\n\n", at)
		return err
	case watch.Error:
		text, err := json.Marshal(h.failure(e.wrong))
		if err == nil {
			_, err = fmt.Fprintf(w, "event: %s\nid:\ndata: %s\n\n", e.kind, text)
		}
		return errors.Join(errOver, err)
	case watch.Added, watch.Modified, watch.Deleted:
	}
	text, err := json.Marshal(present(e.claim).Object)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "event: %s\nid: %s\ndata: %s\n\n", e.kind, at, text)
	return err
}
