package claim

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// secretKind is read one by one as the account: Roadbed watches no Secrets.
var secretKind = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}

// place names an object in the cluster.
type place struct {
	provision.Ref
	namespace string
}

// written remembers what was written and has not come back by the watch yet, so
// that a cache that is a moment behind causes no second write. It is safe for
// concurrent use.
type written struct {
	mu      sync.Mutex
	objects map[place]*unstructured.Unstructured // guarded by mu
}

func (w *written) remember(object *unstructured.Unstructured) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.objects[place{provision.RefOf(object), object.GetNamespace()}] = object
}

// forget is called when an object was deleted.
func (w *written) forget(at place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.objects, at)
}

// newest is the newer of what the cache has and what was written.
func (w *written) newest(at place, cached *unstructured.Unstructured) *unstructured.Unstructured {
	w.mu.Lock()
	defer w.mu.Unlock()
	ours, waiting := w.objects[at]
	if !waiting {
		return cached
	}
	if cached != nil {
		order, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), ours.GetResourceVersion())
		if err != nil || order >= 0 {
			delete(w.objects, at)
			return cached
		}
	}
	return ours
}

// work is the work on one claim's objects in one pass.
type work struct {
	*Engine
	order *Order
	as    client.Client
	kinds map[schema.GroupKind]schema.GroupVersionKind
	// wrote says whether anything was written, failed what could not be read.
	wrote  bool
	fresh  bool
	failed error
}

// live finds an object of the claim.
func (w *work) live(ctx context.Context) provision.Live {
	return func(ref provision.Ref) *unstructured.Unstructured {
		found, err := w.get(ctx, ref)
		if err != nil && w.failed == nil {
			w.failed = err
		}
		if found == nil || !isOf(found, w.order.Input.Claim) {
			return nil
		}
		return found
	}
}

// get reads an object: from the cache, or as the account if it is a Secret.
func (w *work) get(ctx context.Context, ref provision.Ref) (*unstructured.Unstructured, error) {
	kind, known := w.kinds[ref.GroupKind]
	if !known {
		return nil, nil
	}
	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(kind)
	reader := client.Reader(w.cache)
	if kind.GroupKind() == secretKind.GroupKind() {
		reader = w.as
	}
	err := reader.Get(ctx, client.ObjectKey{Namespace: w.order.Input.Tenant.Namespace, Name: ref.Name}, found)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	if err != nil {
		found = nil
	}
	if reader == w.as {
		return found, nil
	}
	return w.written.newest(place{ref, w.order.Input.Tenant.Namespace}, found), nil
}

// bring makes an object as it is wanted.
func (w *work) bring(ctx context.Context, object *unstructured.Unstructured) error {
	wanted, err := w.order.Desired(object)
	if err != nil {
		return err
	}
	live, err := w.get(ctx, provision.RefOf(wanted))
	switch {
	case err != nil:
		return err
	case live == nil:
		return w.create(ctx, wanted)
	case !isOf(live, w.order.Input.Claim):
		return w.taken(wanted)
	case asWanted(live, wanted):
		return nil
	}
	return w.change(ctx, live, wanted)
}

// taken is the error for an object that is somebody else's.
func (w *work) taken(wanted *unstructured.Unstructured) error {
	return refuse(ReasonNameTaken, "%s exists in namespace %q and was not made for this claim: rename or delete it, or give the claim another name",
		provision.RefOf(wanted), wanted.GetNamespace())
}

// create makes an object that was not there. One that is there after all is the
// claim's own, from a moment ago, or somebody else's.
func (w *work) create(ctx context.Context, wanted *unstructured.Unstructured) error {
	made := wanted.DeepCopy()
	err := w.as.Create(ctx, made, client.FieldOwner(apply.FieldManager))
	if apierrors.IsAlreadyExists(err) {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(wanted.GroupVersionKind())
		if err := w.as.Get(ctx, client.ObjectKeyFromObject(wanted), live); err != nil {
			return fmt.Errorf("read %s: %w", provision.RefOf(wanted), err)
		}
		if !isOf(live, w.order.Input.Claim) {
			return w.taken(wanted)
		}
		return w.change(ctx, live, wanted)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", provision.RefOf(wanted), err)
	}
	w.note(made)
	return nil
}

// change applies an object that is the claim's. What an earlier one set and this
// one does not is taken away.
func (w *work) change(ctx context.Context, live, wanted *unstructured.Unstructured) error {
	always := apply.WithSurplus(func(_, _ client.Object) bool { return true })
	answer := &answering{Client: w.as}
	applier := apply.New(answer, fixed{live}, always)
	if _, err := applier.Apply(ctx, []client.Object{wanted}); err != nil {
		return err
	}
	if answer.last != nil {
		w.note(answer.last)
	}
	return nil
}

func (w *work) note(object *unstructured.Unstructured) {
	w.wrote = true
	if object.GroupVersionKind().GroupKind() != secretKind.GroupKind() {
		w.written.remember(object)
	}
}

// fixed is a reader that has one object.
type fixed struct{ object *unstructured.Unstructured }

// Get gives the object.
func (f fixed) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	f.object.DeepCopyInto(into.(*unstructured.Unstructured))
	return nil
}

// List has nothing.
func (fixed) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// answering keeps what the API server answered to the last patch.
type answering struct {
	client.Client
	last *unstructured.Unstructured
}

// Patch patches and keeps the answer.
func (a *answering) Patch(ctx context.Context, object client.Object, patch client.Patch, opts ...client.PatchOption) error {
	err := a.Client.Patch(ctx, object, patch, opts...)
	if answer, is := object.(*unstructured.Unstructured); is && err == nil {
		a.last = answer.DeepCopy()
	}
	return err
}

// neverPruned are kinds that are left when they are no longer wanted: there is
// data in them.
var neverPruned = []schema.GroupKind{{Kind: "PersistentVolumeClaim"}}

// prune deletes what was made for the claim and is no longer wanted: what its
// status lists, and what is labelled as the claim's.
func (w *work) prune(ctx context.Context, before []v1alpha1.ClaimResource, keep map[provision.Ref]bool) error {
	doomed := map[provision.Ref]schema.GroupVersionKind{}
	for _, each := range before {
		kind := schema.FromAPIVersionAndKind(each.APIVersion, each.Kind)
		doomed[provision.Ref{GroupKind: kind.GroupKind(), Name: each.Name}] = kind
	}
	found, err := w.labelled(ctx)
	if err != nil {
		return err
	}
	for i := range found {
		doomed[provision.RefOf(&found[i])] = found[i].GroupVersionKind()
	}
	for ref, kind := range doomed {
		if keep[ref] || slices.Contains(neverPruned, ref.GroupKind) {
			continue
		}
		if err := w.remove(ctx, ref, kind); err != nil {
			return err
		}
	}
	return nil
}

// labelled are the objects of the claim that the cache has.
func (w *work) labelled(ctx context.Context) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, kind := range w.kinds {
		if kind.GroupKind() == secretKind.GroupKind() {
			continue
		}
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		err := w.cache.List(ctx, list, client.InNamespace(w.order.Input.Tenant.Namespace),
			client.MatchingLabels{v1alpha1.LabelClaimUID: string(w.order.Input.Claim.GetUID())})
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", kind.Kind, err)
		}
		all = append(all, list.Items...)
	}
	return all, nil
}

// remove deletes an object if it is the claim's.
func (w *work) remove(ctx context.Context, ref provision.Ref, kind schema.GroupVersionKind) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(kind)
	err := w.as.Get(ctx, client.ObjectKey{Namespace: w.order.Input.Tenant.Namespace, Name: ref.Name}, live)
	if apierrors.IsNotFound(err) || err == nil && (!isOf(live, w.order.Input.Claim) || live.GetDeletionTimestamp() != nil) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s, which is no longer wanted: %w", ref, err)
	}
	uid := live.GetUID()
	err = w.as.Delete(ctx, live, client.Preconditions{UID: &uid}, client.PropagationPolicy("Background"))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete %s, which is no longer wanted: %w", ref, err)
	}
	w.written.forget(place{ref, live.GetNamespace()})
	w.wrote = true
	return nil
}
