package scan

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// pageSize is how many objects are in memory at once, for each resource.
const pageSize = 250

// forbidden is how long it waits where it may not read a resource, and how long
// others wait for one that cannot be listed.
const forbidden = 10 * time.Minute

// watcher lists and then watches one resource.
type watcher struct {
	scanner  *Scanner
	resource policy.Served
	// selector is the label selector of the objects to look at; empty for all.
	selector string
	seen     *seen
	// listed is called when the first list is complete or was given up.
	listed func()
}

// run lists and watches until the context ends, again after every failure. A
// resource that is not served any more may come back before anybody else notices.
func (w *watcher) run(ctx context.Context) {
	defer w.listed()
	limit := w.scanner.Clock.Now().Add(forbidden)
	for ctx.Err() == nil {
		err := w.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) || w.scanner.Clock.Now().After(limit) {
			w.listed() // What it left is swept.
		}
		if apierrors.IsForbidden(err) {
			w.listed() // The others are complete without it.
			w.scanner.Log.Warn("a scan leaves out what Roadbed may not read", "resource", w.resource.String(), "error", err)
			w.scanner.wait(ctx, forbidden)
			continue
		}
		if err != nil && !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			w.scanner.Log.Warn("a scan begins again", "resource", w.resource.String(), "error", err)
			w.scanner.wait(ctx, retry)
		}
	}
}

// follow lists everything and watches from there until the watch ends.
func (w *watcher) follow(ctx context.Context) error {
	version, err := w.list(ctx)
	if err != nil {
		return err
	}
	w.listed()
	for ctx.Err() == nil {
		if version, err = w.watch(ctx, version); err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) client() dynamic.NamespaceableResourceInterface {
	return w.scanner.Client.Resource(resourceOf(w.resource))
}

// list judges all objects, page by page, and returns where to watch from.
func (w *watcher) list(ctx context.Context) (string, error) {
	options := metav1.ListOptions{Limit: pageSize, LabelSelector: w.selector}
	for {
		page, err := w.client().List(ctx, options)
		if err != nil {
			return "", fmt.Errorf("list %s: %w", w.resource, err)
		}
		if err := w.scanner.judge(ctx, page.Items, w.seen, known); err != nil {
			return "", err
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return page.GetResourceVersion(), nil
		}
	}
}

// watch judges what changes, until the server ends the watch, and returns where
// to go on.
func (w *watcher) watch(ctx context.Context, version string) (string, error) {
	events, err := w.client().Watch(ctx, metav1.ListOptions{ResourceVersion: version, AllowWatchBookmarks: true, LabelSelector: w.selector})
	if err != nil {
		return version, fmt.Errorf("watch %s: %w", w.resource, err)
	}
	defer events.Stop()
	for {
		select {
		case <-ctx.Done():
			return version, ctx.Err()
		case event, open := <-events.ResultChan():
			if !open {
				return version, nil
			}
			if version, err = w.handle(ctx, event); err != nil {
				return version, err
			}
		}
	}
}

func (w *watcher) handle(ctx context.Context, event watch.Event) (string, error) {
	if event.Type == watch.Error {
		return "", apierrors.FromObject(event.Object)
	}
	object, ok := event.Object.(*unstructured.Unstructured)
	if !ok {
		return "", errors.New("the watch gave something that is no object")
	}
	version := object.GetResourceVersion()
	switch event.Type {
	case watch.Deleted:
		return version, w.scanner.Store.Delete(ctx, string(object.GetUID()))
	case watch.Added:
		return version, w.scanner.judge(ctx, []unstructured.Unstructured{*object}, w.seen, unknown)
	case watch.Modified:
		return version, w.scanner.judge(ctx, []unstructured.Unstructured{*object}, w.seen, known)
	default: // a bookmark says no more than the version
		return version, nil
	}
}

// acquaintance says whether the store may have results of an object.
type acquaintance bool

const (
	known   acquaintance = true
	unknown acquaintance = false
)

// judge judges objects by the policies in force and keeps the results. Of an
// unknown object that has none there is nothing to keep and nothing to forget.
func (s *Scanner) judge(ctx context.Context, objects []unstructured.Unstructured, seen *seen, met acquaintance) error {
	set, _ := s.current()
	judgements := make([]history.Judgement, 0, len(objects))
	for i := range objects {
		judgement, err := s.judgeOne(ctx, set, &objects[i])
		if err != nil {
			return err
		}
		if seen != nil && len(judgement.Results) > 0 {
			seen.add(judgement.Subject.UID)
		}
		if met == known || len(judgement.Results) > 0 {
			judgements = append(judgements, judgement)
		}
	}
	if len(judgements) == 0 {
		return nil
	}
	return s.Store.Put(ctx, judgements...)
}

func (s *Scanner) judgeOne(ctx context.Context, set *policy.Set, object *unstructured.Unstructured) (history.Judgement, error) {
	resource, _ := s.reach(object.GetAPIVersion(), object.GetKind())
	namespace, err := s.namespaceOf(ctx, object)
	if err != nil {
		return history.Judgement{}, err
	}
	request := policy.Existing(object.Object, resource, namespace)
	world := s.World
	world.Now = s.Clock.Now()
	return history.Judgement{
		Subject: subjectOf(object, request),
		Results: set.Background(ctx, request, world),
	}, nil
}

// namespaceOf returns the namespace an object is in, or is.
func (s *Scanner) namespaceOf(ctx context.Context, object *unstructured.Unstructured) (map[string]any, error) {
	if object.GroupVersionKind() == (schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}) {
		return object.Object, nil
	}
	if object.GetNamespace() == "" {
		return nil, nil
	}
	return s.Cluster.Namespace(ctx, object.GetNamespace())
}

func (s *Scanner) reach(apiVersion, name string) (policy.Served, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	resource, ok := s.place[kind{apiVersion, name}]
	return resource, ok
}

// again judges one object that was judged before.
func (s *Scanner) again(ctx context.Context, subject history.Subject) error {
	resource, ok := s.reach(subject.APIVersion, subject.Kind)
	if !ok {
		return nil // no policy concerns it any more
	}
	object, err := s.Client.Resource(resourceOf(resource)).Namespace(subject.Namespace).Get(ctx, subject.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return s.Store.Delete(ctx, subject.UID)
	}
	if err != nil {
		return err
	}
	return s.judge(ctx, []unstructured.Unstructured{*object}, nil, known)
}

func subjectOf(object *unstructured.Unstructured, request *policy.Request) history.Subject {
	return history.Subject{
		APIVersion: object.GetAPIVersion(), Kind: object.GetKind(),
		Namespace: object.GetNamespace(), Name: object.GetName(), UID: string(object.GetUID()),
		Tenant: request.Tenant(),
	}
}

func resourceOf(r policy.Served) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource}
}

func groupVersion(r policy.Served) string {
	return schema.GroupVersion{Group: r.Group, Version: r.Version}.String()
}
