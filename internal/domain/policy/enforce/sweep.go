package enforce

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// sweeper looks after native objects whose policies no controller looks after:
// those of policies that were deleted, also while Roadbed was stopped, and those
// of the platform itself, which have no policy object.
type sweeper struct {
	*keeper
	// sources are the kinds of policies by what the label says.
	sources map[string]source
	// platform are the platform's own objects by name of the policy.
	platform map[string]native.Objects
}

// source is a kind of policies.
type source struct {
	newObject func() client.Object
	mutating  bool
}

// request names a policy: the label's value and the policy's own name go into
// one, with a slash, which no name has.
func request(label string, key types.NamespacedName) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: key.Namespace, Name: label + "/" + key.Name}}
}

// Reconcile removes what was made of a policy that is gone, and restores what
// belongs to the platform.
func (s *sweeper) Reconcile(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
	label, name, _ := strings.Cut(r.Name, "/")
	key := types.NamespacedName{Namespace: r.Namespace, Name: name}
	if label == native.SourcePlatform {
		return reconcile.Result{}, s.restore(ctx, name)
	}
	of, known := s.sources[label]
	if !known {
		return reconcile.Result{}, nil // Of a kind that a newer Roadbed knows.
	}
	gone, err := s.gone(ctx, of, key)
	if err != nil || !gone {
		return reconcile.Result{}, err
	}
	text := name
	if key.Namespace != "" {
		text = key.Namespace + "/" + name
	}
	return reconcile.Result{}, s.prune(ctx, label, text, of.mutating, nil, fmt.Sprintf("The policy %q was deleted.", text))
}

// gone says whether a policy was deleted. While its kind is not served nobody
// deleted it: the definition of the kind went.
func (s *sweeper) gone(ctx context.Context, of source, key types.NamespacedName) (bool, error) {
	object := of.newObject()
	err := s.client.Get(ctx, key, object)
	if !apierrors.IsNotFound(err) {
		return false, err
	}
	err = s.direct.Get(ctx, key, object)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if !apierrors.IsNotFound(err) {
		return false, err
	}
	return named(err), nil
}

// named tells "there is no such policy" from "there is no such kind": only the
// first says which.
func named(err error) bool {
	status, ok := err.(apierrors.APIStatus)
	return ok && status.Status().Details != nil && status.Status().Details.Name != ""
}

// restore brings back what belongs to the platform, where it is objects at all.
func (s *sweeper) restore(ctx context.Context, name string) error {
	objects, ours := s.platform[name]
	if !ours {
		return nil
	}
	return s.put(ctx, objects, fmt.Sprintf("The platform's policy %q is Mandatory, and somebody changed it.", name))
}

// watches wakes for native objects, and for policies that are deleted.
func (s *sweeper) watches(b *builder.Builder) *builder.Builder {
	for _, mutating := range []bool{false, true} {
		for _, each := range nativeKinds(mutating) {
			b = b.Watches(each, handler.EnqueueRequestsFromMapFunc(ofNative), builder.WithPredicates(apply.Drift()))
		}
	}
	for label, of := range s.sources {
		b = b.Watches(of.newObject(), handler.Funcs{DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			q.Add(request(label, client.ObjectKeyFromObject(e.Object)))
		}})
	}
	return b
}

func ofNative(_ context.Context, object client.Object) []reconcile.Request {
	label := object.GetLabels()[native.PolicyLabel]
	if label == "" {
		return nil
	}
	return []reconcile.Request{request(label, keyOf(object.GetAnnotations()[native.PolicyAnnotation]))}
}
