package estate

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// surplus looks for generated objects of the owner that are not planned. rest
// are those that must stay nevertheless: they are in namespaces of the owner
// that nothing is planned for, because the spec dropped them or they are being
// deleted.
func (c *Estate) surplus(ctx context.Context, owner string, planned []client.Object) (found bool, rest []client.Object, err error) {
	home, err := c.NamespacesOf(ctx, owner)
	if err != nil {
		return false, nil, err
	}
	wanted, busy := map[schema.GroupKind]map[client.ObjectKey]bool{}, map[string]bool{}
	for _, obj := range planned {
		gvk, err := apiutil.GVKForObject(obj, c.Client.Scheme())
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
		objects, err := c.generated(ctx, gvk, owner, Glance...)
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
func (c *Estate) generated(ctx context.Context, gvk schema.GroupVersionKind, owner string, options ...client.ListOption) ([]client.Object, error) {
	made, err := c.Client.Scheme().New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", gvk.Kind, err)
	}
	list := made.(client.ObjectList)
	if err := c.Client.List(ctx, list, append(options, client.MatchingFields{tenantIndex: owner})...); err != nil {
		return nil, fmt.Errorf("list %s of %q: %w", gvk.Kind, owner, err)
	}
	var objects []client.Object
	err = meta.EachListItem(list, func(item runtime.Object) error {
		objects = append(objects, item.(client.Object))
		return nil
	})
	return objects, err
}

// Outside leaves out the objects of the namespaces, and the namespaces.
func Outside(namespaces []string, objects []client.Object) []client.Object {
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

// KeepAccess puts our finalizer on one binding of people in each namespace. When a
// namespace is deleted, bindings go first and cannot be made again; this one
// stays until all else is gone, so that the tenant can see, and clear away,
// what holds its namespace.
func KeepAccess(objects []client.Object) []client.Object {
	best := map[string]*rbacv1.RoleBinding{}
	for _, obj := range objects {
		binding, ok := obj.(*rbacv1.RoleBinding)
		if !ok || rank(binding) == 0 {
			continue
		}
		if current := best[binding.Namespace]; current == nil || rank(binding) > rank(current) {
			best[binding.Namespace] = binding
		}
	}
	for _, binding := range best {
		controllerutil.AddFinalizer(binding, v1alpha1.Finalizer)
	}
	return objects
}

// rank prefers the binding that lets people do most; 0 means never. The
// name is that of a namespace which the tenant has to itself.
func rank(binding *rbacv1.RoleBinding) int {
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

// Prune deletes the owner's objects in the namespaces of planned that are not
// among planned. It asks for the deletion only when there is one to make.
func (c *Estate) Prune(ctx context.Context, applier *apply.Applier, owner string, planned []client.Object) error {
	surplus, rest, err := c.surplus(ctx, owner, planned)
	if err != nil || !surplus {
		return err
	}
	_, err = applier.Prune(ctx, inventory(owner), append(rest, planned...))
	return err
}

// accessKinds are the kinds of what a tenant has in a shared namespace.
var accessKinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
	rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
}

// Access tells a tenant's access to its own namespaces from that to a shared one.
// The objects are the cache's and MUST NOT be changed.
func (c *Estate) Access(ctx context.Context, tenant string) (own, shared []client.Object, err error) {
	home, err := c.NamespacesOf(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	for _, gvk := range accessKinds {
		objects, err := c.generated(ctx, gvk, tenant, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, nil, err
		}
		for _, obj := range objects {
			if home[obj.GetNamespace()] != nil {
				own = append(own, obj)
			} else {
				shared = append(shared, obj)
			}
		}
	}
	return own, shared, nil
}

// Withdraw takes the tenant's access to a shared namespace away: the others in
// it have nothing more to do with it. Namespaces of its own, which it had before it
// moved into the shared one, keep all they have.
func (c *Estate) Withdraw(ctx context.Context, t *v1alpha1.Tenant) error {
	own, shared, err := c.Access(ctx, t.Name)
	if err != nil || len(shared) == 0 {
		return err
	}
	applier := c.Applier(func(ctx context.Context, first apply.Ref) error {
		return c.Record(ctx, "tenant.withdraw", t, KindTenant, fmt.Sprintf("the tenant leaves its shared namespace, first of all %s goes", first), "")
	})
	granted := inventory(t.Name)
	granted.Kinds = accessKinds
	_, err = applier.Prune(ctx, granted, own)
	return err
}

// inventory are the owner's generated objects.
func inventory(owner string) apply.Inventory {
	return apply.Inventory{
		Labels: map[string]string{v1alpha1.LabelTenant: owner, v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
		Kinds:  namespacedKinds,
	}
}

// Shared says whether the tenant lives in a shared namespace.
func Shared(t *v1alpha1.Tenant) bool { return t.Status.Model == v1alpha1.ModelSharedNamespace }
