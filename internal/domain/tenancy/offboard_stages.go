package tenancy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// guard keeps what is left of a tenant that is being offboarded as planned,
// cordoned, and makes nothing anew that is gone.
func (o *offboarding) guard(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	home, err := o.standing(ctx, t)
	if err != nil {
		return steps.Failed(ReasonApplyFailed, err)
	}
	objects, err := o.remaining(ctx, t, home)
	if err != nil {
		return steps.Failed(ReasonApplyFailed, err)
	}
	applier := o.applier(func(ctx context.Context, first apply.Ref) error {
		return o.record(ctx, "tenant.repair", t, kindTenant, fmt.Sprintf("%s of a tenant that is being offboarded differs from what was planned", first), apply.Hash(t))
	})
	if _, err := applier.Apply(ctx, append(objects, offboarderBindings(t, home)...)); err != nil {
		return steps.Failed(ReasonApplyFailed, err)
	}
	if err := o.annotateRest(ctx, home, objects); err != nil {
		return steps.Failed(ReasonApplyFailed, err)
	}
	return steps.Done(ReasonProvisioned, "What is left of the tenant is kept as planned, cordoned.")
}

// RoleOffboarder lets Roadbed itself read everything in a namespace and end
// what runs there. It has that right only where a tenant is being offboarded.
const RoleOffboarder = "roadbed:offboarder"

// offboarderBinding is the binding that gives it. Our finalizer keeps it until
// all else is gone, so that what holds a namespace can be named to the end.
const offboarderBinding = "roadbed:offboarder"

func offboarderBindings(t *v1alpha1.Tenant, home map[string]*corev1.Namespace) []client.Object {
	var objects []client.Object
	for _, name := range slices.Sorted(maps.Keys(home)) {
		meta := objectMeta(name, map[string]string{
			v1alpha1.LabelTenant:       t.Name,
			v1alpha1.LabelBusinessUnit: t.Spec.BusinessUnit,
			v1alpha1.LabelManagedBy:    v1alpha1.ManagedBy,
		})
		meta.Finalizers = []string{v1alpha1.Finalizer}
		self := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: identity.Roadbed}}
		objects = append(objects, roleBinding(meta, offboarderBinding, RoleOffboarder, self))
	}
	return objects
}

// standing are the tenant's own namespaces that are not being deleted.
func (o *offboarding) standing(ctx context.Context, t *v1alpha1.Tenant) (map[string]*corev1.Namespace, error) {
	home, err := o.namespacesOf(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(home, func(_ string, ns *corev1.Namespace) bool { return !ns.DeletionTimestamp.IsZero() })
	return home, nil
}

// remaining are the planned objects in namespaces that still stand. A tenant
// that can no longer be planned, because its tier is gone, keeps what it has.
func (o *offboarding) remaining(ctx context.Context, t *v1alpha1.Tenant, home map[string]*corev1.Namespace) ([]client.Object, error) {
	w, err := o.world(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := Plan(t, w)
	if err != nil {
		return nil, nil //nolint:nilerr // Validate would say it; here it only means that there is no plan to keep to.
	}
	if shared(t) {
		if t.Status.Offboarding != nil && stepOf(t, stageDelete).State != statePending {
			return nil, nil
		}
		return objects, nil
	}
	objects = slices.DeleteFunc(hold(objects), func(obj client.Object) bool {
		name := obj.GetNamespace()
		if ns, ok := obj.(*corev1.Namespace); ok {
			name = ns.Name
		}
		return home[name] == nil
	})
	return objects, nil
}

func shared(t *v1alpha1.Tenant) bool { return t.Status.Model == v1alpha1.ModelSharedNamespace }

// annotateRest cordons the namespaces that are not planned any more.
func (o *offboarding) annotateRest(ctx context.Context, home map[string]*corev1.Namespace, planned []client.Object) error {
	rest := maps.Clone(home)
	for _, obj := range planned {
		if _, ok := obj.(*corev1.Namespace); ok {
			delete(rest, obj.GetName())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		if err := o.annotate(ctx, rest[name]); err != nil {
			return err
		}
	}
	return nil
}

func (o *offboarding) annotate(ctx context.Context, ns *corev1.Namespace) error {
	if ns.Annotations[v1alpha1.AnnotationCordoned] == "true" {
		return nil
	}
	body := fmt.Sprintf(`{"metadata":{"annotations":{%q:"true"}}}`, v1alpha1.AnnotationCordoned)
	target := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns.Name}}
	if err := o.client.Patch(ctx, target, client.RawPatch(types.MergePatchType, []byte(body)), client.FieldOwner(apply.FieldManager)); err != nil {
		return fmt.Errorf("cordon namespace %q: %w", ns.Name, err)
	}
	return nil
}

// cordon sees that no new pod may start; guard has written it.
func (o *offboarding) cordon(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	home, err := o.standing(ctx, t)
	if err != nil {
		return steps.Failed(ReasonOffboarding, err)
	}
	for _, name := range slices.Sorted(maps.Keys(home)) {
		if home[name].Annotations[v1alpha1.AnnotationCordoned] != "true" {
			return steps.Waiting(ReasonOffboarding, fmt.Sprintf("namespace %q is not cordoned yet", name), soon)
		}
	}
	if shared(t) {
		return steps.Done(ReasonOffboarding, "In the shared namespace the tenant's people may only read.")
	}
	return steps.Done(ReasonOffboarding, fmt.Sprintf("No new pod may start in %d namespaces.", len(home)))
}

// export writes down everything that the tenant consists of.
func (o *offboarding) export(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	objects, err := o.collect(ctx, t)
	if err != nil {
		return steps.Failed(ReasonOffboarding, err)
	}
	location, err := o.exporter.Export(ctx, t.Name, string(t.UID), objects)
	if err != nil {
		return steps.Failed(ReasonOffboarding, fmt.Errorf("export %d objects: %w", len(objects), err))
	}
	t.Status.Offboarding.Export = cutTo(location, 1024)
	return steps.Done(ReasonOffboarding, fmt.Sprintf("%d objects were written to %s.", len(objects), location))
}

// legalHold stops the procedure while somebody says that data must stay.
func (o *offboarding) legalHold(_ context.Context, t *v1alpha1.Tenant) steps.Result {
	if hold := t.Spec.Lifecycle.LegalHold; hold != "" {
		return steps.Blocked(ReasonLegalHold, fmt.Sprintf("nothing is deleted while spec.lifecycle.legalHold is set: %q; empty it to go on", hold))
	}
	return steps.Done(ReasonOffboarding, "No legal hold is set.")
}

// workloads are the kinds that run something, owners first.
var workloads = []schema.GroupVersionKind{
	{Group: "batch", Version: "v1", Kind: "CronJob"},
	{Group: "batch", Version: "v1", Kind: "Job"},
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"},
	{Group: "apps", Version: "v1", Kind: "DaemonSet"},
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Version: "v1", Kind: "ReplicationController"},
	{Version: "v1", Kind: "Pod"},
}

// drain deletes all that runs and waits until no pod is left.
func (o *offboarding) drain(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	if shared(t) {
		return steps.Done(ReasonOffboarding, "The shared namespace runs on; its pods are not told apart by tenant.")
	}
	home, err := o.namespacesOf(ctx, t.Name)
	if err != nil {
		return steps.Failed(ReasonOffboarding, err)
	}
	var left []remnant
	for _, namespace := range slices.Sorted(maps.Keys(home)) {
		found, err := o.stop(ctx, namespace)
		if err != nil {
			return steps.Failed(ReasonOffboarding, err)
		}
		left = append(left, found...)
	}
	if stuck := describeStuck(left); len(stuck) > 0 {
		return steps.Waiting(ReasonStuckFinalizer, strings.Join(stuck, "; "), soon)
	}
	if len(left) > 0 {
		return steps.Waiting(ReasonOffboarding, fmt.Sprintf("%d workloads are ending, such as %s", len(left), left[0]), soon)
	}
	return steps.Done(ReasonOffboarding, fmt.Sprintf("Nothing runs any more in %d namespaces.", len(home)))
}

// stop deletes the workloads of a namespace and returns those that were there.
func (o *offboarding) stop(ctx context.Context, namespace string) ([]remnant, error) {
	var left []remnant
	for _, kind := range workloads {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := o.live.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("list %ss in namespace %q: %w", kind.Kind, namespace, err)
		}
		if len(list.Items) == 0 {
			continue
		}
		resource := schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: strings.ToLower(kind.Kind) + "s"}
		for i := range list.Items {
			left = append(left, remnantOf(resource, &list.Items[i]))
		}
		background := metav1.DeletePropagationBackground
		err := o.objects.Resource(resource).Namespace(namespace).DeleteCollection(ctx, metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("delete %ss in namespace %q: %w", kind.Kind, namespace, err)
		}
	}
	return left, nil
}

// delete deletes the namespaces and waits until they are gone.
func (o *offboarding) delete(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	if shared(t) {
		tenants := &tenants{cluster: o.cluster, ledger: o.ledger}
		if err := tenants.withdraw(ctx, t); err != nil {
			return steps.Failed(ReasonOffboarding, err)
		}
		return steps.Done(ReasonOffboarding, "The tenant's access to the shared namespace is gone.")
	}
	home, err := o.namespacesOf(ctx, t.Name)
	if err != nil {
		return steps.Failed(ReasonOffboarding, err)
	}
	for _, name := range slices.Sorted(maps.Keys(home)) {
		if err := o.deleteNamespace(ctx, t, home[name]); err != nil {
			return steps.Failed(ReasonOffboarding, err)
		}
	}
	if len(home) > 0 {
		return o.remnants.wait(ctx, ReasonOffboarding, home)
	}
	return steps.Done(ReasonOffboarding, fmt.Sprintf("%d namespaces are gone.", len(t.Status.Namespaces)))
}

// deleteNamespace deletes exactly the namespace that was read, if it is the
// tenant's in the tenant's own business unit.
func (o *offboarding) deleteNamespace(ctx context.Context, t *v1alpha1.Tenant, ns *corev1.Namespace) error {
	if !ns.DeletionTimestamp.IsZero() {
		return nil
	}
	if unit := ns.Labels[v1alpha1.LabelBusinessUnit]; unit != t.Spec.BusinessUnit {
		return fmt.Errorf("namespace %q belongs to business unit %q: it is not deleted", ns.Name, unit)
	}
	if err := o.record(ctx, "namespace.delete", ns, kindNamespace, fmt.Sprintf("tenant %q is offboarded", t.Name), ""); err != nil {
		return err
	}
	err := o.client.Delete(ctx, ns.DeepCopy(), client.Preconditions{UID: &ns.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete namespace %q: %w", ns.Name, err)
	}
	return nil
}

// residue reports what the procedure leaves behind outside the namespaces.
func (o *offboarding) residue(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	gone := sets.New[string]()
	if !shared(t) {
		for _, ns := range t.Status.Namespaces {
			gone.Insert(ns.Name)
		}
	}
	var found []string
	for _, look := range []func(context.Context, *v1alpha1.Tenant, sets.Set[string]) ([]string, error){
		o.volumes, o.bindings, o.peers,
	} {
		more, err := look(ctx, t, gone)
		if err != nil {
			return steps.Failed(ReasonOffboarding, err)
		}
		found = append(found, more...)
	}
	t.Status.Offboarding.Residue = residueReport(found)
	return steps.Done(ReasonOffboarding, fmt.Sprintf("%d things are left behind.", len(found)))
}

func residueReport(found []string) []string {
	const most, longest = 256, 512
	if len(found) > most {
		found = append(found[:most-1:most-1], fmt.Sprintf("and %d more", len(found)-most+1))
	}
	for i := range found {
		found[i] = cutTo(found[i], longest)
	}
	return found
}

func (o *offboarding) volumes(ctx context.Context, _ *v1alpha1.Tenant, gone sets.Set[string]) ([]string, error) {
	var list corev1.PersistentVolumeList
	if err := o.live.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var found []string
	for i := range list.Items {
		pv := &list.Items[i]
		if claim := pv.Spec.ClaimRef; claim != nil && gone.Has(claim.Namespace) {
			found = append(found, fmt.Sprintf("PersistentVolume %s of claim %s/%s is %s and has reclaim policy %s",
				pv.Name, claim.Namespace, claim.Name, pv.Status.Phase, pv.Spec.PersistentVolumeReclaimPolicy))
		}
	}
	return found, nil
}

func (o *offboarding) bindings(ctx context.Context, _ *v1alpha1.Tenant, gone sets.Set[string]) ([]string, error) {
	var list rbacv1.ClusterRoleBindingList
	if err := o.live.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list cluster role bindings: %w", err)
	}
	var found []string
	for i := range list.Items {
		for _, subject := range list.Items[i].Subjects {
			if subject.Kind == rbacv1.ServiceAccountKind && gone.Has(subject.Namespace) {
				found = append(found, fmt.Sprintf("ClusterRoleBinding %s names ServiceAccount %s/%s", list.Items[i].Name, subject.Namespace, subject.Name))
			}
		}
	}
	return found, nil
}

func (o *offboarding) peers(ctx context.Context, t *v1alpha1.Tenant, _ sets.Set[string]) ([]string, error) {
	var list v1alpha1.TenantList
	if err := o.client.List(ctx, &list, glance...); err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	names := func(peers []v1alpha1.TenantPeer) bool {
		return slices.ContainsFunc(peers, func(p v1alpha1.TenantPeer) bool { return p.Tenant == t.Name })
	}
	var found []string
	for i := range list.Items {
		if network := list.Items[i].Spec.Network; names(network.IngressFrom) || names(network.EgressTo) {
			found = append(found, fmt.Sprintf("Tenant %s still names it in spec.network", list.Items[i].Name))
		}
	}
	return found, nil
}
