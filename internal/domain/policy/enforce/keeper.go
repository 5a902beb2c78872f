package enforce

import (
	"context"
	"fmt"
	"log/slog"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// keeper writes native objects. It owns each as a whole and replaces it as a
// whole: fields that others own would survive an apply.
type keeper struct {
	client client.Client
	// direct goes past the cache, which holds only what is marked as ours, and
	// which would wait for what a rehearsal never writes.
	direct client.Client
	trail  trail.Recorder
	log    *slog.Logger
}

// put makes the cluster have exactly the objects, each policy before its
// binding. The API server is asked about every policy before one is written, so
// that nothing is in force in part.
func (k *keeper) put(ctx context.Context, objects native.Objects, why string) error {
	var writes []write
	for _, object := range objects {
		w, err := k.compare(ctx, object)
		if err != nil {
			return err
		}
		if w.needed {
			writes = append(writes, w)
		}
	}
	for _, w := range writes {
		if err := k.rehearse(ctx, w); err != nil {
			return err
		}
	}
	for _, w := range writes {
		if err := k.record(ctx, w.action(), w.desired, why, apply.Hash(w.there), w.desired); err != nil {
			return err
		}
		if err := k.send(ctx, k.client, w); err != nil {
			return err
		}
	}
	return nil
}

// write is what has to be written, and what is there; nil if nothing is.
type write struct {
	needed         bool
	desired, there client.Object
}

func (w write) action() string {
	if w.there == nil {
		return "policy.native.create"
	}
	return "policy.native.update"
}

// compare looks whether an object is as it must be.
func (k *keeper) compare(ctx context.Context, desired client.Object) (write, error) {
	there := desired.DeepCopyObject().(client.Object)
	err := k.client.Get(ctx, client.ObjectKeyFromObject(desired), there)
	if apierrors.IsNotFound(err) {
		// The cache knows only what is marked: somebody may have taken the mark off.
		err = k.direct.Get(ctx, client.ObjectKeyFromObject(desired), there)
	}
	switch {
	case apierrors.IsNotFound(err):
		return write{needed: true, desired: desired}, nil
	case err != nil:
		return write{}, fmt.Errorf("read %s: %w", desired.GetName(), err)
	case same(there, desired):
		return write{}, nil
	}
	return write{needed: true, desired: desired, there: there}, nil
}

// rehearse asks whether the API server would accept a policy. It is not asked
// about bindings, which hold nothing of the policy's author: one whose policy
// does not exist yet needs rights that Roadbed does not have.
func (k *keeper) rehearse(ctx context.Context, w write) error {
	switch w.desired.(type) {
	case *admissionv1.ValidatingAdmissionPolicy, *admissionv1.MutatingAdmissionPolicy:
		return k.send(ctx, client.NewDryRunClient(k.direct), w)
	}
	return nil
}

// send writes.
func (k *keeper) send(ctx context.Context, c client.Client, w write) error {
	object := w.desired.DeepCopyObject().(client.Object)
	var err error
	if w.there == nil {
		err = c.Create(ctx, object)
	} else {
		object.SetResourceVersion(w.there.GetResourceVersion())
		err = c.Update(ctx, object)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", object.GetName(), err)
	}
	return nil
}

// remove deletes an object that nobody wants any more.
func (k *keeper) remove(ctx context.Context, object client.Object, why string) error {
	if err := k.record(ctx, "policy.native.delete", object, why, apply.Hash(object), nil); err != nil {
		return err
	}
	uid := object.GetUID()
	return client.IgnoreNotFound(k.client.Delete(ctx, object, client.Preconditions{UID: &uid}))
}

func (k *keeper) record(ctx context.Context, action string, object client.Object, why, before string, after client.Object) error {
	gvk, err := apiutil.GVKForObject(object, k.client.Scheme())
	if err != nil {
		return err
	}
	entry := trail.Record{
		Actor: identity.Self(), Action: action, Reason: why, Before: before,
		Object: trail.Object{Group: gvk.Group, Kind: gvk.Kind, Name: object.GetName()},
	}
	if after != nil {
		entry.After = apply.Hash(after)
	}
	return k.trail.Record(ctx, entry)
}

// same says whether an object says exactly what is wanted.
func same(there, desired client.Object) bool {
	for key, value := range desired.GetLabels() {
		if there.GetLabels()[key] != value {
			return false
		}
	}
	for key, value := range desired.GetAnnotations() {
		if there.GetAnnotations()[key] != value {
			return false
		}
	}
	return equality.Semantic.DeepEqual(spec(there), spec(desired))
}

func spec(object client.Object) any {
	switch o := object.(type) {
	case *admissionv1.ValidatingAdmissionPolicy:
		return o.Spec
	case *admissionv1.ValidatingAdmissionPolicyBinding:
		return o.Spec
	case *admissionv1.MutatingAdmissionPolicy:
		return o.Spec
	case *admissionv1.MutatingAdmissionPolicyBinding:
		return o.Spec
	}
	return nil
}

// of are the native objects that were made of a policy, bindings first: without
// its binding a policy does nothing.
func (k *keeper) of(ctx context.Context, source, key string, mutating bool) ([]client.Object, error) {
	var found []client.Object
	for _, list := range nativeLists(mutating) {
		if err := k.client.List(ctx, list, client.MatchingLabels{native.PolicyLabel: source}); err != nil {
			return nil, fmt.Errorf("list native policies: %w", err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object, ok := item.(client.Object)
			if ok && object.GetAnnotations()[native.PolicyAnnotation] == key {
				found = append(found, object)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// prune removes what was made of a policy and is not among keep.
func (k *keeper) prune(ctx context.Context, source, key string, mutating bool, keep native.Objects, why string) error {
	there, err := k.of(ctx, source, key, mutating)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, object := range keep {
		kept[fmt.Sprintf("%T %s", object, object.GetName())] = true
	}
	for _, object := range there {
		if kept[fmt.Sprintf("%T %s", object, object.GetName())] {
			continue
		}
		if err := k.remove(ctx, object, why); err != nil {
			return fmt.Errorf("remove %s: %w", object.GetName(), err)
		}
	}
	return nil
}
