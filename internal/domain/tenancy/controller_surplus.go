package tenancy

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	rbacv1 "k8s.io/api/rbac/v1"

	corev1 "k8s.io/api/core/v1"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// surplus looks for generated objects of the owner that are not planned. rest
// are those that must stay nevertheless: they are in namespaces of the owner
// that nothing is planned for, because the spec dropped them or they are being
// deleted.
func (c *cluster) surplus(ctx context.Context, owner string, planned []client.Object) (found bool, rest []client.Object, err error) {
	home, err := c.namespacesOf(ctx, owner)
	if err != nil {
		return false, nil, err
	}
	wanted, busy := map[schema.GroupKind]map[client.ObjectKey]bool{}, map[string]bool{}
	for _, obj := range planned {
		gvk, err := apiutil.GVKForObject(obj, c.client.Scheme())
		if err != nil {
			return false, nil, fmt.Errorf("find the kind of %T: %w", obj, err)
		}
		if wanted[gvk.GroupKind()] == nil {
			wanted[gvk.GroupKind()] = map[client.ObjectKey]bool{}
		}
		wanted[gvk.GroupKind()][client.ObjectKeyFromObject(obj)] = true
		busy[obj.GetNamespace()] = true
	}
	for _, gvk := range namespacedKinds {
		objects, err := c.generated(ctx, gvk, owner)
		if err != nil {
			return false, nil, err
		}
		for _, obj := range objects {
			switch {
			case wanted[gvk.GroupKind()][client.ObjectKeyFromObject(obj)] || !obj.GetDeletionTimestamp().IsZero():
			case home[obj.GetNamespace()] != nil && !busy[obj.GetNamespace()]:
				rest = append(rest, obj)
			default:
				found = true
			}
		}
	}
	return found, rest, nil
}

// generated are the owner's objects of one kind, as the cache has them: they
// are shared and MUST NOT be changed.
func (c *cluster) generated(ctx context.Context, gvk schema.GroupVersionKind, owner string) ([]client.Object, error) {
	made, err := c.client.Scheme().New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", gvk.Kind, err)
	}
	list := made.(client.ObjectList)
	if err := c.client.List(ctx, list, append(glance, client.MatchingFields{tenantIndex: owner})...); err != nil {
		return nil, fmt.Errorf("list %s of %q: %w", gvk.Kind, owner, err)
	}
	var objects []client.Object
	err = meta.EachListItem(list, func(item runtime.Object) error {
		objects = append(objects, item.(client.Object))
		return nil
	})
	return objects, err
}

// outside leaves out the objects of the namespaces, and the namespaces.
func outside(namespaces []string, objects []client.Object) []client.Object {
	if len(namespaces) == 0 {
		return objects
	}
	excluded := map[string]bool{}
	for _, name := range namespaces {
		excluded[name] = true
	}
	kept := make([]client.Object, 0, len(objects))
	for _, obj := range objects {
		name := obj.GetNamespace()
		if ns, ok := obj.(*corev1.Namespace); ok {
			name = ns.Name
		}
		if !excluded[name] {
			kept = append(kept, obj)
		}
	}
	return kept
}

// hold puts our finalizer on one binding of people in each namespace. When a
// namespace is deleted, bindings go first and cannot be made again; this one
// stays until all else is gone, so that the tenant can see, and clear away,
// what holds its namespace.
func hold(objects []client.Object) []client.Object {
	best := map[string]*rbacv1.RoleBinding{}
	for _, obj := range objects {
		binding, ok := obj.(*rbacv1.RoleBinding)
		if !ok || holdRank(binding) == 0 {
			continue
		}
		if current := best[binding.Namespace]; current == nil || holdRank(binding) > holdRank(current) {
			best[binding.Namespace] = binding
		}
	}
	for _, binding := range best {
		controllerutil.AddFinalizer(binding, v1alpha1.Finalizer)
	}
	return objects
}

// holdRank prefers the binding that lets people do most; 0 means never. The
// name is that of a namespace which the tenant has to itself.
func holdRank(binding *rbacv1.RoleBinding) int {
	switch binding.Name {
	case "roadbed:admins":
		return 3
	case "roadbed:developers":
		return 2
	case "roadbed:viewers":
		return 1
	default:
		return 0
	}
}
