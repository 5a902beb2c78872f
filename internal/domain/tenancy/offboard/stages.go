package offboard

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
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// Guard keeps what is left of a tenant that is being offboarded as planned,
// cordoned, and makes nothing anew that is gone.
func (o *Procedure) Guard(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	home, err := o.standing(ctx, t)
	if err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	objects, err := o.remaining(ctx, t, home)
	if err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	applier := o.Applier(func(ctx context.Context, first apply.Ref) error {
		return o.Record(ctx, "tenant.repair", t, estate.KindTenant, fmt.Sprintf("%s of a tenant that is being offboarded differs from what was planned", first), apply.Hash(t))
	})
	if _, err := applier.Apply(ctx, append(objects, offboarderBindings(t, home)...)); err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	if err := o.annotateRest(ctx, home, objects); err != nil {
		return steps.Failed(tenancy.ReasonApplyFailed, err)
	}
	return steps.Done(tenancy.ReasonProvisioned, "What is left of the tenant is kept as planned, cordoned.")
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
		objects = append(objects, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: name, Name: offboarderBinding, Finalizers: []string{v1alpha1.Finalizer},
				Labels: map[string]string{
					v1alpha1.LabelTenant:       t.Name,
					v1alpha1.LabelBusinessUnit: t.Spec.BusinessUnit,
					v1alpha1.LabelManagedBy:    v1alpha1.ManagedBy,
				},
			},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: RoleOffboarder},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: identity.Roadbed}},
		})
	}
	return objects
}

// standing are the tenant's own namespaces that are not being deleted.
func (o *Procedure) standing(ctx context.Context, t *v1alpha1.Tenant) (map[string]*corev1.Namespace, error) {
	home, err := o.NamespacesOf(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(home, func(_ string, ns *corev1.Namespace) bool { return !ns.DeletionTimestamp.IsZero() })
	return home, nil
}

// remaining are the planned objects in namespaces that still stand. A tenant
// that can no longer be planned, because its tier is gone, keeps what it has.
func (o *Procedure) remaining(ctx context.Context, t *v1alpha1.Tenant, home map[string]*corev1.Namespace) ([]client.Object, error) {
	w, err := o.World(ctx)
	if err != nil {
		return nil, err
	}
	objects := planned(t, w)
	if estate.Shared(t) {
		if t.Status.Offboarding != nil && stepOf(t, stageDelete).State != statePending {
			return nil, nil
		}
		return objects, nil
	}
	objects = slices.DeleteFunc(estate.KeepAccess(objects), func(obj client.Object) bool {
		name := obj.GetNamespace()
		if ns, ok := obj.(*corev1.Namespace); ok {
			name = ns.Name
		}
		return home[name] == nil
	})
	return objects, nil
}

// planned is the tenant's plan, if there still is one to keep to: the rest of
// the procedure needs none.
func planned(t *v1alpha1.Tenant, w tenancy.World) []client.Object {
	objects, err := tenancy.Plan(t, w)
	if err != nil {
		return nil
	}
	return objects
}

// annotateRest cordons the namespaces that are not planned any more.
func (o *Procedure) annotateRest(ctx context.Context, home map[string]*corev1.Namespace, planned []client.Object) error {
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

func (o *Procedure) annotate(ctx context.Context, ns *corev1.Namespace) error {
	if ns.Annotations[v1alpha1.AnnotationCordoned] == "true" {
		return nil
	}
	body := fmt.Sprintf(`{"metadata":{"annotations":{%q:"true"}}}`, v1alpha1.AnnotationCordoned)
	target := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns.Name}}
	if err := o.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, []byte(body)), client.FieldOwner(apply.FieldManager)); err != nil {
		return fmt.Errorf("cordon namespace %q: %w", ns.Name, err)
	}
	return nil
}

// cordon sees that no new pod may start; guard has written it.
func (o *Procedure) cordon(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	home, err := o.standing(ctx, t)
	if err != nil {
		return steps.Failed(tenancy.ReasonOffboarding, err)
	}
	for _, name := range slices.Sorted(maps.Keys(home)) {
		if home[name].Annotations[v1alpha1.AnnotationCordoned] != "true" {
			return steps.Waiting(tenancy.ReasonOffboarding, fmt.Sprintf("namespace %q is not cordoned yet", name), estate.Soon)
		}
	}
	message := fmt.Sprintf("No new pod may start in %d namespaces.", len(home))
	if estate.Shared(t) {
		message = also(home, message, "In the shared namespace the tenant's people may only read.")
	}
	return steps.Done(tenancy.ReasonOffboarding, message)
}

// export writes down everything that the tenant consists of.
func (o *Procedure) export(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	objects, err := o.collect(ctx, t)
	if err != nil {
		return steps.Failed(tenancy.ReasonOffboarding, err)
	}
	location, err := o.exporter.Export(ctx, t.Name, string(t.UID), objects)
	if err != nil {
		return steps.Failed(tenancy.ReasonOffboarding, fmt.Errorf("export %d objects: %w", len(objects), err))
	}
	t.Status.Offboarding.Export = cutTo(location, 1024)
	return steps.Done(tenancy.ReasonOffboarding, fmt.Sprintf("%d objects were written to %s.", len(objects), location))
}

// legalHold stops the procedure while somebody says that data must stay.
func (o *Procedure) legalHold(_ context.Context, t *v1alpha1.Tenant) steps.Result {
	if hold := t.Spec.Lifecycle.LegalHold; hold != "" {
		return steps.Blocked(tenancy.ReasonLegalHold, fmt.Sprintf("nothing is deleted while spec.lifecycle.legalHold is set: %q; empty it to go on", hold))
	}
	return steps.Done(tenancy.ReasonOffboarding, "No legal hold is set.")
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
func (o *Procedure) drain(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	home, err := o.NamespacesOf(ctx, t.Name)
	if err != nil {
		return steps.Failed(tenancy.ReasonOffboarding, err)
	}
	var left []remnant
	for _, namespace := range slices.Sorted(maps.Keys(home)) {
		found, err := o.stop(ctx, namespace)
		if err != nil {
			return steps.Failed(tenancy.ReasonOffboarding, err)
		}
		left = append(left, found...)
	}
	if stuck := describeStuck(left); len(stuck) > 0 {
		return steps.Waiting(tenancy.ReasonStuckFinalizer, strings.Join(stuck, "; "), estate.Soon)
	}
	if len(left) > 0 {
		return steps.Waiting(tenancy.ReasonOffboarding, fmt.Sprintf("%d workloads are ending, such as %s", len(left), left[0]), estate.Soon)
	}
	message := fmt.Sprintf("Nothing runs any more in %d namespaces.", len(home))
	if estate.Shared(t) {
		message = also(home, message, "The shared namespace runs on; its pods are not told apart by tenant.")
	}
	return steps.Done(tenancy.ReasonOffboarding, message)
}

// stop deletes the workloads of a namespace and returns those that were there.
func (o *Procedure) stop(ctx context.Context, namespace string) ([]remnant, error) {
	var left []remnant
	for _, kind := range workloads {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := o.Live.List(ctx, list, client.InNamespace(namespace)); err != nil {
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

// also is what is said of a tenant in a shared namespace: of that one alone, unless
// it has namespaces of its own as well, from before it moved there.
func also[V any](home map[string]V, ofHome, ofShared string) string {
	if len(home) == 0 {
		return ofShared
	}
	return ofHome + " " + ofShared
}

// delete deletes the namespaces and waits until they are gone.
func (o *Procedure) delete(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	if estate.Shared(t) {
		if err := o.Withdraw(ctx, t); err != nil {
			return steps.Failed(tenancy.ReasonOffboarding, err)
		}
	}
	home, err := o.NamespacesOf(ctx, t.Name)
	if err != nil {
		return steps.Failed(tenancy.ReasonOffboarding, err)
	}
	for _, name := range slices.Sorted(maps.Keys(home)) {
		if err := o.deleteNamespace(ctx, t, home[name]); err != nil {
			return steps.Failed(tenancy.ReasonOffboarding, err)
		}
	}
	retell(t, home)
	if len(home) > 0 {
		return o.remnants.Wait(ctx, tenancy.ReasonOffboarding, home)
	}
	gone := namespacesOnRecord(t)
	message := fmt.Sprintf("%d namespaces are gone.", len(gone))
	if estate.Shared(t) {
		message = also(gone, message, "The tenant's access to the shared namespace is gone.")
	}
	return steps.Done(tenancy.ReasonOffboarding, message)
}

// deleteNamespace deletes exactly the namespace that was read, if it is the
// tenant's in the tenant's own business unit.
func (o *Procedure) deleteNamespace(ctx context.Context, t *v1alpha1.Tenant, ns *corev1.Namespace) error {
	if !ns.DeletionTimestamp.IsZero() {
		return nil
	}
	if unit := ns.Labels[v1alpha1.LabelBusinessUnit]; unit != t.Spec.BusinessUnit {
		return fmt.Errorf("namespace %q belongs to business unit %q: it is not deleted", ns.Name, unit)
	}
	if err := o.RecordBefore(ctx, "namespace.delete", ns, estate.KindNamespace, fmt.Sprintf("tenant %q is offboarded", t.Name)); err != nil {
		return err
	}
	err := o.Client.Delete(ctx, ns.DeepCopy(), client.Preconditions{UID: &ns.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete namespace %q: %w", ns.Name, err)
	}
	return nil
}

// residue reports what the procedure leaves behind outside the namespaces.
func (o *Procedure) residue(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	gone := namespacesOnRecord(t)
	var found []string
	for _, look := range []func(context.Context, *v1alpha1.Tenant, sets.Set[string]) ([]string, error){
		o.volumes, o.bindings, o.peers,
	} {
		more, err := look(ctx, t, gone)
		if err != nil {
			return steps.Failed(tenancy.ReasonOffboarding, err)
		}
		found = append(found, more...)
	}
	t.Status.Offboarding.Residue = residueReport(found)
	return steps.Done(tenancy.ReasonOffboarding, fmt.Sprintf("%d things are left behind.", len(found)))
}

// namespacesOnRecord are the namespaces of the tenant's own that its status names.
func namespacesOnRecord(t *v1alpha1.Tenant) sets.Set[string] {
	own := sets.New[string]()
	for _, ns := range t.Status.Namespaces {
		if !tenancy.IsShared(ns.Name) {
			own.Insert(ns.Name)
		}
	}
	return own
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

func (o *Procedure) volumes(ctx context.Context, _ *v1alpha1.Tenant, gone sets.Set[string]) ([]string, error) {
	var list corev1.PersistentVolumeList
	if err := o.Live.List(ctx, &list); err != nil {
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

func (o *Procedure) bindings(ctx context.Context, _ *v1alpha1.Tenant, gone sets.Set[string]) ([]string, error) {
	var list rbacv1.ClusterRoleBindingList
	if err := o.Live.List(ctx, &list); err != nil {
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

func (o *Procedure) peers(ctx context.Context, t *v1alpha1.Tenant, _ sets.Set[string]) ([]string, error) {
	var list v1alpha1.TenantList
	if err := o.Client.List(ctx, &list, estate.Glance...); err != nil {
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
