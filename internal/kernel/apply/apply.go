// Package apply makes the cluster contain what is wanted: it creates generated
// objects, changes them by server-side apply, deletes those that are no longer wanted, and
// tells controllers when somebody else changed one.
//
// What always holds: an object that already contains what is wanted is not
// written; only fields that are set in the wanted object are touched; a
// namespace and the volumes in it are never deleted here.
//
// A field that is not set cannot be asked for: an empty string, a zero, a nil
// pointer, map or slice mean "whatever is there". A slice or map that is empty
// but not nil means "empty", so a network policy that lets nothing in says
// Ingress: []NetworkPolicyIngressRule{}.
package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// FieldManager owns, in every object, the fields that Roadbed set.
const FieldManager = "roadbed"

const defaultParallelism = 8

// Ref names an object.
type Ref struct {
	GVK schema.GroupVersionKind
	// Namespace is empty for cluster-scoped objects.
	Namespace string
	Name      string
}

// String gives the reference as people write it, such as "ResourceQuota
// tenant-payments/tenant-payments-quota".
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.GVK.Kind + " " + r.Name
	}
	return r.GVK.Kind + " " + r.Namespace + "/" + r.Name
}

// Report says what became of each object, in the order in which they were given.
type Report struct {
	Created, Changed, Unchanged, Pruned []Ref
}

// Applier applies and prunes. It keeps no state and is safe for concurrent use.
type Applier struct {
	writer      client.Client
	reader      client.Reader
	parallelism int
	before      func(ctx context.Context, ref Ref) error
	surplus     func(live, desired client.Object) bool
}

// Option changes what New returns.
type Option func(*Applier)

// WithParallelism bounds the writes that one call has under way at a time.
func WithParallelism(n int) Option {
	return func(a *Applier) { a.parallelism = n }
}

// WithBefore has a function called before each write and each delete, several
// at a time. If it fails, that object is left alone and the error reported: so
// nothing is done that could not be recorded first.
func WithBefore(before func(ctx context.Context, ref Ref) error) Option {
	return func(a *Applier) { a.before = before }
}

// WithSurplus has a function say of an object that contains what is wanted
// whether it also has something that must go. Then it is written: server-side
// apply takes away what an earlier one set and this one does not. Without it,
// what is no longer wanted of an object stays until something else changes.
func WithSurplus(surplus func(live, desired client.Object) bool) Option {
	return func(a *Applier) { a.surplus = surplus }
}

// New returns an Applier that compares with what reader, usually a cache, has,
// and writes through writer. The reader must know every kind that is applied.
func New(writer client.Client, reader client.Reader, opts ...Option) *Applier {
	a := &Applier{
		writer: writer, reader: reader, parallelism: defaultParallelism,
		before:  func(context.Context, Ref) error { return nil },
		surplus: func(_, _ client.Object) bool { return false },
	}
	for _, opt := range opts {
		opt(a)
	}
	return a
}

// outcome is what became of one object.
type outcome int

const (
	untouched outcome = iota
	created
	changed
	unchanged
)

// Apply makes the cluster contain the desired objects, which it does not
// change, stage after stage and within a stage several at a time. After an
// error it still tries the rest, and returns all errors, each naming its
// object; the report says what was done nevertheless.
func (a *Applier) Apply(ctx context.Context, desired []client.Object) (Report, error) {
	refs := make([]Ref, len(desired))
	for i, obj := range desired {
		ref, err := a.ref(obj)
		if err != nil {
			return Report{}, err
		}
		refs[i] = ref
	}
	outcomes := make([]outcome, len(desired))
	errs := make([]error, len(desired))
	for now := firstStage; now <= lastStage; now++ {
		var group errgroup.Group
		group.SetLimit(a.parallelism)
		for i, obj := range desired {
			if stageOf(refs[i].GVK) != now {
				continue
			}
			group.Go(func() error {
				outcomes[i], errs[i] = a.one(ctx, refs[i], obj)
				return nil
			})
		}
		_ = group.Wait() // the errors are in errs, in order
	}
	return report(refs, outcomes), errors.Join(errs...)
}

func report(refs []Ref, outcomes []outcome) Report {
	var all Report
	for i, ref := range refs {
		switch outcomes[i] {
		case created:
			all.Created = append(all.Created, ref)
		case changed:
			all.Changed = append(all.Changed, ref)
		case unchanged:
			all.Unchanged = append(all.Unchanged, ref)
		case untouched:
		}
	}
	return all
}

// one brings one object about.
func (a *Applier) one(ctx context.Context, ref Ref, desired client.Object) (outcome, error) {
	live, err := a.blank(ref.GVK, desired)
	if err != nil {
		return untouched, fmt.Errorf("apply %s: %w", ref, err)
	}
	err = a.reader.Get(ctx, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}, live, client.UnsafeDisableDeepCopy) // live is only read
	done := changed
	switch {
	case apierrors.IsNotFound(err):
		done = created
	case err != nil:
		return untouched, fmt.Errorf("read %s: %w", ref, err)
	case Contains(live, desired) && !a.surplus(live, desired):
		return unchanged, nil
	}
	if err := a.before(ctx, ref); err != nil {
		return untouched, fmt.Errorf("apply %s: %w", ref, err)
	}
	if done == changed && !sameRole(live, desired) {
		if err := a.remove(ctx, live.DeepCopyObject().(client.Object)); err != nil {
			return untouched, fmt.Errorf("replace %s, whose role cannot be changed: %w", ref, err)
		}
	}
	write := a.write
	if done == created {
		write = a.create
	}
	if err := write(ctx, ref.GVK, desired); err != nil {
		return untouched, fmt.Errorf("apply %s: %w", ref, err)
	}
	return done, nil
}

// write sends a server-side apply, which creates what is absent. The first one
// to an object that a plain create made is sent again, once its fields are
// owned as applied ones: only then are those removed that are not wanted any
// longer.
func (a *Applier) write(ctx context.Context, gvk schema.GroupVersionKind, desired client.Object) error {
	body, err := manifest(gvk, desired)
	if err != nil {
		return err
	}
	answer := desired.DeepCopyObject().(client.Object) // takes the response
	var conflict error
	for range takeOverAttempts {
		err := a.writer.Patch(ctx, answer, client.RawPatch(types.ApplyYAMLPatchType, body),
			client.FieldOwner(FieldManager), client.ForceOwnership)
		if err != nil {
			return err
		}
		taken, err := a.takeOver(ctx, answer)
		switch {
		case apierrors.IsConflict(err):
			conflict = err
		case err != nil || !taken:
			return err
		}
	}
	return conflict
}

// manifest is the object as server-side apply wants it: with its kind, without
// its status and what only the server knows, with what is said to be empty.
func manifest(gvk schema.GroupVersionKind, obj client.Object) ([]byte, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	content["apiVersion"], content["kind"] = gvk.ToAPIVersionAndKind()
	delete(content, "status")
	if metadata, ok := content["metadata"].(map[string]any); ok {
		for _, key := range []string{"creationTimestamp", "managedFields", "resourceVersion", "uid", "generation"} {
			delete(metadata, key)
		}
	}
	addEmpties(content, obj)
	return json.Marshal(content)
}

// remove deletes exactly the object that was read.
func (a *Applier) remove(ctx context.Context, obj client.Object) error {
	uid := obj.GetUID()
	return client.IgnoreNotFound(a.writer.Delete(ctx, obj, client.Preconditions{UID: &uid}))
}

func (a *Applier) ref(obj client.Object) (Ref, error) {
	gvk, err := apiutil.GVKForObject(obj, a.writer.Scheme())
	if err != nil {
		return Ref{}, fmt.Errorf("find the kind of %T %q: %w", obj, obj.GetName(), err)
	}
	return Ref{GVK: gvk, Namespace: obj.GetNamespace(), Name: obj.GetName()}, nil
}

// blank returns an empty object of the kind and of the Go type of like.
func (a *Applier) blank(gvk schema.GroupVersionKind, like client.Object) (client.Object, error) {
	if _, loose := like.(*unstructured.Unstructured); loose {
		empty := &unstructured.Unstructured{}
		empty.SetGroupVersionKind(gvk)
		return empty, nil
	}
	made, err := a.writer.Scheme().New(gvk)
	if err != nil {
		return nil, err
	}
	obj, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is a list or an option, not an object", gvk.Kind)
	}
	return obj, nil
}

// stage orders what is applied.
type stage int

const (
	// namespaces are there before what is in them.
	namespaces stage = iota
	// roles are there before the bindings that name them.
	roles
	// others need nobody.
	others
	// routes come after the policies that they name: one that names what is not
	// there answers 500.
	routes
	// quotas come last: everything that is created under a quota in force is
	// charged to it one by one, which costs more than creating it.
	quotas

	firstStage, lastStage = namespaces, quotas
)

func stageOf(gvk schema.GroupVersionKind) stage {
	switch {
	case isNamespace(gvk):
		return namespaces
	case gvk.Group == rbacv1.GroupName && (gvk.Kind == "Role" || gvk.Kind == "ClusterRole"):
		return roles
	case gvk.Group == corev1.GroupName && gvk.Kind == "ResourceQuota":
		return quotas
	case gvk.Group == "gateway.networking.k8s.io" && (gvk.Kind == "HTTPRoute" || gvk.Kind == "GRPCRoute"):
		return routes
	default:
		return others
	}
}

func isNamespace(gvk schema.GroupVersionKind) bool {
	return gvk.Group == corev1.GroupName && gvk.Kind == "Namespace"
}
