package apply

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ErrNeverPruned is returned for an inventory that holds what Prune must not
// delete: namespaces and volumes go only by an offboarding somebody confirmed.
var ErrNeverPruned = errors.New("is never pruned")

// ErrBoundless is returned for an inventory that no label bounds.
var ErrBoundless = errors.New("an inventory must have a label")

// Inventory says which objects are ours to delete: those of the kinds that
// have all the labels. The labels must be ones that nobody else may set.
type Inventory struct {
	Labels map[string]string
	Kinds  []schema.GroupVersionKind
}

// Prune deletes every object in the inventory that is not among keep. It finds
// them through the reader, so one that was created a moment ago may be left
// for the next time. An inventory that holds Namespaces, PersistentVolumes or
// PersistentVolumeClaims, or has no label, is refused before anything is done.
func (a *Applier) Prune(ctx context.Context, inventory Inventory, keep []client.Object) (Report, error) {
	if err := inventory.check(); err != nil {
		return Report{}, err
	}
	kept, err := a.keys(keep)
	if err != nil {
		return Report{}, err
	}
	var doomed []named
	for _, gvk := range inventory.Kinds {
		found, err := a.list(ctx, gvk, inventory.Labels)
		if err != nil {
			return Report{}, err
		}
		for _, obj := range found {
			if !kept[keyOf(gvk, obj)] && obj.GetDeletionTimestamp().IsZero() {
				ref := Ref{GVK: gvk, Namespace: obj.GetNamespace(), Name: obj.GetName()}
				doomed = append(doomed, named{ref, obj})
			}
		}
	}
	return a.removeAll(ctx, doomed)
}

func (i Inventory) check() error {
	if len(i.Labels) == 0 {
		return ErrBoundless
	}
	for _, gvk := range i.Kinds {
		if gvk.Group != corev1.GroupName {
			continue
		}
		switch gvk.Kind {
		case "Namespace", "PersistentVolume", "PersistentVolumeClaim":
			return fmt.Errorf("%s %w", gvk.Kind, ErrNeverPruned)
		}
	}
	return nil
}

// key names an object whatever the version of its kind.
type key struct {
	schema.GroupKind
	client.ObjectKey
}

func keyOf(gvk schema.GroupVersionKind, obj client.Object) key {
	return key{GroupKind: gvk.GroupKind(), ObjectKey: client.ObjectKeyFromObject(obj)}
}

func (a *Applier) keys(objects []client.Object) (map[key]bool, error) {
	keys := make(map[key]bool, len(objects))
	for _, obj := range objects {
		ref, err := a.ref(obj)
		if err != nil {
			return nil, err
		}
		keys[keyOf(ref.GVK, obj)] = true
	}
	return keys, nil
}

func (a *Applier) list(ctx context.Context, gvk schema.GroupVersionKind, labels map[string]string) ([]client.Object, error) {
	made, err := a.writer.Scheme().New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", gvk.Kind, err)
	}
	list, ok := made.(client.ObjectList)
	if !ok {
		return nil, fmt.Errorf("list %s: %T is not a list of objects", gvk.Kind, made)
	}
	if err := a.reader.List(ctx, list, client.MatchingLabels(labels)); err != nil {
		return nil, fmt.Errorf("list %s: %w", gvk.Kind, err)
	}
	var objects []client.Object
	err = meta.EachListItem(list, func(item runtime.Object) error {
		objects = append(objects, item.(client.Object))
		return nil
	})
	return objects, err
}

// named is an object and what to call it.
type named struct {
	ref Ref
	obj client.Object
}

func (a *Applier) removeAll(ctx context.Context, doomed []named) (Report, error) {
	errs := make([]error, len(doomed))
	var group errgroup.Group
	group.SetLimit(a.parallelism)
	for i, each := range doomed {
		group.Go(func() error {
			err := a.before(ctx, each.ref)
			if err == nil {
				err = a.remove(ctx, each.obj)
			}
			if err != nil {
				errs[i] = fmt.Errorf("prune %s: %w", each.ref, err)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, in order
	var report Report
	for i, each := range doomed {
		if errs[i] == nil {
			report.Pruned = append(report.Pruned, each.ref)
		}
	}
	return report, errors.Join(errs...)
}
