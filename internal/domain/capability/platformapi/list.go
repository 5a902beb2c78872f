package platformapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// page is where a list goes on: in a namespace, behind what the API server said.
type page struct {
	Namespace string `json:"n"`
	Continue  string `json:"c,omitempty"`
}

// token is a page as callers see it.
func (p page) token() string {
	text, err := json.Marshal(p)
	if err != nil { // strings always marshal
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parsePage reads a token; the empty one is the beginning.
func parsePage(token string) (page, error) {
	var p page
	if token == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.Namespace == "" {
		return page{}, errors.New(`query parameter "continue": it is none that a list gave`)
	}
	return p, nil
}

// list answers with a page of claims, or streams changes.
func (h *Handler) list(w http.ResponseWriter, r *http.Request, to *target) {
	if to.watch {
		h.stream(w, r, to)
		return
	}
	from, err := parsePage(to.next)
	if err != nil {
		problem.Write(w, problem.New(http.StatusBadRequest, err.Error()))
		return
	}
	items, next, err := h.pageOf(r.Context(), to, from)
	if err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	metadata := map[string]any{}
	if next != nil {
		metadata["continue"] = next.token()
	}
	send(w, http.StatusOK, map[string]any{
		"apiVersion": to.resource.Group + "/" + to.version, "kind": to.kind + "List", "metadata": metadata, "items": items,
	})
}

// pageOf reads up to a page's limit of claims, one namespace after the other.
func (h *Handler) pageOf(ctx context.Context, to *target, from page) (items []any, next *page, err error) {
	items = []any{}
	for i, namespace := range to.namespaces {
		if namespace < from.Namespace {
			continue
		}
		left := to.limit - int64(len(items))
		if left <= 0 {
			return items, &page{Namespace: namespace}, nil
		}
		options := metav1.ListOptions{Limit: left}
		if namespace == from.Namespace {
			options.Continue = from.Continue
		}
		client, err := h.accounts.As(ctx, namespace)
		if err != nil {
			return nil, nil, err
		}
		found, err := client.Resource(to.resource).Namespace(namespace).List(ctx, options)
		if err != nil {
			return nil, nil, err
		}
		for j := range found.Items {
			items = append(items, present(&found.Items[j]).Object)
		}
		if found.GetContinue() != "" {
			return items, &page{Namespace: to.namespaces[i], Continue: found.GetContinue()}, nil
		}
	}
	return items, nil, nil
}

// beat is how often a stream says that it lives, so that proxies keep it open.
const beat = 15 * time.Second

// event is one change of a claim.
type event struct {
	kind  watch.EventType
	claim *unstructured.Unstructured
}

// stream sends the claims there are and then every change, as server-sent
// events ADDED, MODIFIED and DELETED. It ends when a watch does; who wants more
// connects again, and is told of all that is there.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, to *target) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	watches, known, err := h.watches(ctx, to)
	if err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	changes := make(chan event)
	ended := make(chan struct{})
	var watching sync.WaitGroup
	for _, each := range watches {
		watching.Go(func() { forward(ctx, each, changes); cancel() })
	}
	go func() { watching.Wait(); close(ended) }()
	defer func() { cancel(); <-ended }()

	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // a front that has none needs none
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	for _, each := range known {
		if write(w, each) != nil {
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
			err = write(w, change)
		}
		if err != nil {
			return
		}
	}
}

// watches begins to watch, and returns what was there at the beginning.
func (h *Handler) watches(ctx context.Context, to *target) (watches []watch.Interface, known []event, err error) {
	for _, namespace := range to.namespaces {
		client, err := h.accounts.As(ctx, namespace)
		if err != nil {
			return nil, nil, err
		}
		claims := client.Resource(to.resource).Namespace(namespace)
		found, err := claims.List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, nil, err
		}
		for i := range found.Items {
			known = append(known, event{watch.Added, &found.Items[i]})
		}
		begun, err := claims.Watch(ctx, metav1.ListOptions{ResourceVersion: found.GetResourceVersion()})
		if err != nil {
			return nil, nil, err
		}
		watches = append(watches, begun)
	}
	return watches, known, nil
}

// forward passes a watch on until it or ctx ends.
func forward(ctx context.Context, from watch.Interface, to chan<- event) {
	defer from.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case change, open := <-from.ResultChan():
			claim, ok := change.Object.(*unstructured.Unstructured)
			if !open || !ok || !slices.Contains([]watch.EventType{watch.Added, watch.Modified, watch.Deleted}, change.Type) {
				return
			}
			select {
			case to <- event{change.Type, claim}:
			case <-ctx.Done():
				return
			}
		}
	}
}

func write(w http.ResponseWriter, e event) error {
	text, err := json.Marshal(present(e.claim).Object)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "event: %s\nid: %s\ndata: %s\n\n", e.kind, strings.TrimSpace(e.claim.GetResourceVersion()), text)
	return err
}
