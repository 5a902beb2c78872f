// Package uninstall takes an installation out of a cluster: what it would do is
// a Plan, Do does it.
//
// What always holds: no namespace and no volume is deleted, whoever has access
// by a binding that stays keeps it, and nothing stays that a finalizer of
// Roadbed's would hold for ever. It acts as Roadbed with a cluster admin's
// rights, as app.Install does, on record in the API server's audit log.
package uninstall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// Options say what is taken out of a cluster.
type Options struct {
	// Config reaches the API server as a cluster admin. Required.
	Config *rest.Config
	// Kinds deletes the definitions of Roadbed's kinds too, and so every
	// Tenant, BusinessUnit and Tier there is.
	Kinds bool
}

// Plan is what is done, in this order, and what stays. It never has a namespace
// or a volume among what it deletes.
type Plan struct {
	// Stop are the registrations of reports and the webhooks, which nobody would
	// answer, the servers, their rights, and what domains behind feature gates made.
	Stop []apply.Ref
	// Unhook are kinds of claims whose versions a webhook converts: from then on the
	// API server does, which keeps what versions have in common.
	Unhook []apply.Ref
	// Guards are native policies: the platform's, and those that it made of
	// other kinds of policies.
	Guards []apply.Ref
	// Release are objects that Roadbed holds by a finalizer: without a server
	// nobody could ever delete them.
	Release []apply.Ref
	// Kinds are the definitions of Roadbed's kinds, if they are to go.
	Kinds []apply.Ref
	// Stays says what remains, in whole sentences.
	Stays []string
}

// Empty says whether there is nothing left to do.
func (p Plan) Empty() bool {
	return len(p.Stop)+len(p.Unhook)+len(p.Guards)+len(p.Release)+len(p.Kinds) == 0
}

// Look looks at the cluster and changes nothing.
func Look(ctx context.Context, opts Options) (Plan, error) {
	r, err := newRemover(opts)
	if err != nil {
		return Plan{}, fmt.Errorf("plan the removal: %w", err)
	}
	plan, err := r.plan(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("plan the removal: %w", err)
	}
	return plan, nil
}

// Do does what the plan says. What is gone already does not matter, so that it
// may be called again after it was interrupted.
func Do(ctx context.Context, opts Options, plan Plan) error {
	r, err := newRemover(opts)
	if err != nil {
		return fmt.Errorf("uninstall: %w", err)
	}
	if err := r.deleteAll(ctx, slices.Concat(plan.Stop, plan.Guards)); err != nil {
		return fmt.Errorf("uninstall: %w", err)
	}
	if err := r.unhook(ctx, plan.Unhook); err != nil {
		return fmt.Errorf("uninstall: %w", err)
	}
	if err := r.releaseAll(ctx); err != nil {
		return fmt.Errorf("uninstall: %w", err)
	}
	if err := r.deleteAll(ctx, plan.Kinds); err != nil {
		return fmt.Errorf("uninstall: %w", err)
	}
	if err := r.awaitKinds(ctx, plan.Kinds); err != nil {
		return fmt.Errorf("uninstall: wait for %s to go: %w", plan.Kinds[0], err)
	}
	return nil
}

// remover takes an installation out of a cluster.
type remover struct {
	client.Client
	kinds       bool
	definitions []*unstructured.Unstructured // of Roadbed's own kinds
}

func newRemover(opts Options) (*remover, error) {
	if opts.Config == nil {
		return nil, errors.New("no connection to an API server given")
	}
	c, err := app.ActingClient(opts.Config)
	if err != nil {
		return nil, err
	}
	definitions, err := app.OwnKinds()
	if err != nil {
		return nil, err
	}
	return &remover{Client: c, kinds: opts.Kinds, definitions: definitions}, nil
}

func (r *remover) plan(ctx context.Context) (plan Plan, err error) {
	inUse, err := r.boundRoles(ctx)
	if err != nil {
		return plan, err
	}
	var kept []string
	going := slices.DeleteFunc(rights(), func(obj client.Object) bool {
		_, role := obj.(*rbacv1.ClusterRole)
		if role && inUse[obj.GetName()] {
			kept = append(kept, obj.GetName())
			return true
		}
		return false
	})
	if plan.Stop, err = r.present(ctx, slices.Concat(app.InstalledServer(), going)); err != nil {
		return plan, err
	}
	webhooks, err := r.admission(ctx, webhookKinds)
	if err != nil {
		return plan, err
	}
	served, err := r.registrations(ctx)
	if err != nil {
		return plan, err
	}
	gated, err := r.gated(ctx)
	if err != nil {
		return plan, err
	}
	plan.Stop = slices.Concat(served, webhooks, plan.Stop, gated)
	if plan.Unhook, err = r.converted(ctx); err != nil {
		return plan, err
	}
	if plan.Guards, err = r.admission(ctx, guardKinds); err != nil {
		return plan, err
	}
	if plan.Release, err = r.held(ctx); err != nil {
		return plan, err
	}
	if plan.Kinds, err = r.present(ctx, r.doomedKinds()); err != nil {
		return plan, err
	}
	plan.Stays, err = r.stays(ctx, kept)
	return plan, err
}

// doomedKinds are the definitions that are to go.
func (r *remover) doomedKinds() []client.Object {
	var objects []client.Object
	for _, definition := range r.definitions {
		if r.kinds {
			objects = append(objects, definition)
		}
	}
	return objects
}

// rights are what an installation puts into the cluster's RBAC, bindings first,
// so that a server that still runs elsewhere loses its rights at once.
func rights() []client.Object {
	objects := slices.DeleteFunc(app.InstalledRights(), func(obj client.Object) bool {
		switch obj.(type) {
		case *corev1.ServiceAccount, *rbacv1.ClusterRole, *rbacv1.ClusterRoleBinding, *rbacv1.Role, *rbacv1.RoleBinding:
			return false
		}
		return true // guards are told apart, and namespaces stay
	})
	slices.SortStableFunc(objects, bindingsFirst)
	return objects
}

// bindingsFirst orders what binds before what is bound.
func bindingsFirst(a, b client.Object) int {
	rank := func(obj client.Object) int {
		if strings.HasSuffix(fmt.Sprintf("%T", obj), "Binding") {
			return 0
		}
		return 1
	}
	return rank(a) - rank(b)
}

// boundRoles are the cluster roles that bindings refer to which stay: those of
// tenants' people, of business units' admins, and whatever somebody made.
func (r *remover) boundRoles(ctx context.Context) (map[string]bool, error) {
	leaving := map[string]bool{}
	for _, obj := range rights() {
		leaving[fmt.Sprintf("%T %s", obj, client.ObjectKeyFromObject(obj))] = true
	}
	bound := map[string]bool{}
	note := func(obj client.Object, role rbacv1.RoleRef) {
		if !leaving[fmt.Sprintf("%T %s", obj, client.ObjectKeyFromObject(obj))] && role.Kind == "ClusterRole" {
			bound[role.Name] = true
		}
	}
	var wide rbacv1.ClusterRoleBindingList
	if err := r.List(ctx, &wide); err != nil {
		return nil, fmt.Errorf("list cluster role bindings: %w", err)
	}
	for i := range wide.Items {
		note(&wide.Items[i], wide.Items[i].RoleRef)
	}
	var narrow rbacv1.RoleBindingList
	if err := r.List(ctx, &narrow); err != nil {
		return nil, fmt.Errorf("list role bindings: %w", err)
	}
	for i := range narrow.Items {
		note(&narrow.Items[i], narrow.Items[i].RoleRef)
	}
	return bound, nil
}

// present are the objects that exist.
func (r *remover) present(ctx context.Context, objects []client.Object) ([]apply.Ref, error) {
	var found []apply.Ref
	for _, obj := range objects {
		gvk, err := apiutil.GVKForObject(obj, r.Scheme())
		if err != nil {
			return nil, fmt.Errorf("find the kind of %q: %w", obj.GetName(), err)
		}
		ref := apply.Ref{GVK: gvk, Namespace: obj.GetNamespace(), Name: obj.GetName()}
		err = r.Get(ctx, client.ObjectKeyFromObject(obj), metadataOf(ref))
		switch {
		case absent(err):
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", ref, err)
		default:
			found = append(found, ref)
		}
	}
	return found, nil
}

// absent says that an object, or its kind, is not there.
func absent(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }

func metadataOf(ref apply.Ref) *metav1.PartialObjectMetadata {
	obj := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: ref.Namespace, Name: ref.Name}}
	obj.SetGroupVersionKind(ref.GVK)
	return obj
}

// deleteAll deletes the objects, one after the other.
func (r *remover) deleteAll(ctx context.Context, refs []apply.Ref) error {
	for _, ref := range refs {
		doomed := &unstructured.Unstructured{}
		doomed.SetGroupVersionKind(ref.GVK)
		doomed.SetNamespace(ref.Namespace)
		doomed.SetName(ref.Name)
		err := r.Delete(ctx, doomed, client.PropagationPolicy(metav1.DeletePropagationBackground))
		if err != nil && !absent(err) {
			return fmt.Errorf("delete %s: %w", ref, err)
		}
	}
	return nil
}

// awaitKinds waits until the API server has deleted every object of the kinds.
func (r *remover) awaitKinds(ctx context.Context, kinds []apply.Ref) error {
	if len(kinds) == 0 {
		return nil
	}
	return wait.PollUntilContextTimeout(ctx, pause, kindsLimit, true, func(ctx context.Context) (bool, error) {
		left, err := r.present(ctx, r.doomedKinds())
		return len(left) == 0, err
	})
}

const (
	// pause is between two looks at what takes a moment.
	pause = 500 * time.Millisecond
	// kindsLimit is how long the API server may take to delete all objects.
	kindsLimit = 2 * time.Minute
)

// releaseLimit is how long a server may go on taking objects back: it has lost
// its rights, but the API server takes a moment to notice.
const releaseLimit = 30 * time.Second

// releaseAll takes Roadbed's finalizers away until nobody puts them back.
func (r *remover) releaseAll(ctx context.Context) error {
	var left []apply.Ref
	quiet := 0
	err := wait.PollUntilContextTimeout(ctx, pause, releaseLimit, true, func(ctx context.Context) (bool, error) {
		var err error
		if left, err = r.held(ctx); err != nil {
			return false, err
		}
		if quiet++; len(left) > 0 {
			quiet = 0
		}
		for _, ref := range left {
			if err := r.release(ctx, ref); err != nil {
				return false, err
			}
		}
		return quiet > 1, nil
	})
	if wait.Interrupted(err) && len(left) > 0 {
		return fmt.Errorf("a server of Roadbed still works and holds %s again, and %d more: stop it and try once more", left[0], len(left)-1)
	}
	return err
}

func (r *remover) release(ctx context.Context, ref apply.Ref) error {
	obj := metadataOf(ref)
	if err := r.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
		return client.IgnoreNotFound(err)
	}
	base := client.MergeFromWithOptions(obj.DeepCopy(), client.MergeFromWithOptimisticLock{})
	obj.SetFinalizers(slices.DeleteFunc(obj.GetFinalizers(), isOurs))
	err := r.Patch(ctx, obj, base)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // The next round sees to it.
	}
	if err != nil {
		return fmt.Errorf("release %s: %w", ref, err)
	}
	return nil
}

// isOurs says whether a finalizer is one of Roadbed's domains'.
func isOurs(finalizer string) bool {
	domain, _, _ := strings.Cut(finalizer, "/")
	return strings.HasSuffix(domain, ".roadbed.dev")
}
