package tenants

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// newWorld knows nothing yet.
func newWorld() tenancy.World {
	return tenancy.World{
		Tiers:    map[string]*tenancyv1.Tier{},
		Units:    map[string]*tenancyv1.BusinessUnit{},
		Settings: tenancy.DefaultSettings(),
	}
}

// learn adds the tiers and business units among the objects to the world.
func learn(w tenancy.World, objects ...client.Object) {
	for _, object := range objects {
		switch o := object.(type) {
		case *tenancyv1.Tier:
			w.Tiers[o.Name] = o
		case *tenancyv1.BusinessUnit:
			w.Units[o.Name] = o
		}
	}
}

// liveWorld is what the cluster's tiers, business units and namespaces say.
func (p *program) liveWorld(ctx context.Context, c client.Client) (tenancy.World, error) {
	w := newWorld()
	var err error
	if w.Settings, err = p.settings(ctx, c); err != nil {
		return w, err
	}
	var tiers tenancyv1.TierList
	if err := c.List(ctx, &tiers); err != nil {
		return w, fmt.Errorf("list tiers: %w", err)
	}
	var units tenancyv1.BusinessUnitList
	if err := c.List(ctx, &units); err != nil {
		return w, fmt.Errorf("list business units: %w", err)
	}
	for i := range tiers.Items {
		learn(w, &tiers.Items[i])
	}
	for i := range units.Items {
		learn(w, &units.Items[i])
	}
	w.Owner = func(namespace string) (owner string, exists bool) {
		var ns corev1.Namespace
		if err := c.Get(ctx, client.ObjectKey{Name: namespace}, &ns); err != nil {
			return "", false
		}
		return ns.Labels[tenancyv1.LabelTenant], true
	}
	return w, nil
}

// settings are those that the cluster's server works with, as far as it says so.
func (p *program) settings(ctx context.Context, c client.Client) (tenancy.Settings, error) {
	settings, err := app.PublishedSettings(ctx, c)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		fmt.Fprintln(p.Err, "The cluster's server has not said what it works with, so the defaults are taken: without --cluster-cidr, egress to the cluster's own addresses is not cut out.")
		return tenancy.DefaultSettings(), nil
	}
	return settings, err
}

// validate checks a tenant's document, its shape before all else, and puts each
// mistake at its line.
func validate(ctx context.Context, d manifest.Document, w tenancy.World) error {
	t, ok := d.Object.(*tenancyv1.Tenant)
	if !ok {
		return fmt.Errorf("%s is not a Tenant", manifest.Title(d.Object))
	}
	if err := d.Misshapen(ctx); err != nil {
		return err
	}
	var all []error
	for _, mistake := range tenancy.Validate(t, w) {
		all = append(all, d.Mistake(mistake.Field, mistake.ErrorBody(), nil))
	}
	return errors.Join(all...)
}

// validateAll checks every tenant by itself and, when each is right, whether all
// of them fit together: no two may want one namespace, and the envelopes must
// have room for all.
func validateAll(ctx context.Context, documents []manifest.Document, w tenancy.World) error {
	var all []error
	for _, d := range documents {
		all = append(all, validate(ctx, d, w))
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	return errors.Join(apart(documents), fitTogether(documents, w))
}

// apart refuses a tenant that wants a namespace which one before it has: each
// alone may have it.
func apart(documents []manifest.Document) error {
	takenBy := map[string]string{}
	var all []error
	for _, d := range documents {
		t := d.Object.(*tenancyv1.Tenant)
		for i, place := range tenancy.Places(t) {
			if first, taken := takenBy[place.Namespace]; taken {
				all = append(all, d.Mistake(fieldOf(t, i, place),
					fmt.Sprintf("namespace %q is tenant %q's already: choose another name", place.Namespace, first), nil))
				continue
			}
			takenBy[place.Namespace] = t.Name
		}
	}
	return errors.Join(all...)
}

// fieldOf is the field that gives the tenant's i-th namespace its name.
func fieldOf(t *tenancyv1.Tenant, i int, place tenancy.Place) string {
	switch {
	case len(t.Spec.Namespaces) == 0:
		return "metadata.name"
	case place.Adopted:
		return fmt.Sprintf("spec.namespaces[%d].adopt", i)
	default:
		return fmt.Sprintf("spec.namespaces[%d].name", i)
	}
}

// fitTogether tries the tenants' reservations one after the other, on copies. It
// tells early what the platform decides for good when it reserves.
func fitTogether(documents []manifest.Document, w tenancy.World) error {
	units := map[string]*tenancyv1.BusinessUnit{}
	var all []error
	for _, d := range documents {
		t := d.Object.(*tenancyv1.Tenant)
		unit := units[t.Spec.BusinessUnit]
		if unit == nil {
			unit = w.Units[t.Spec.BusinessUnit].DeepCopy()
			units[t.Spec.BusinessUnit] = unit
		}
		holder := quota.Holder{Kind: quota.HolderTenant, Name: t.Name, UID: string(t.UID)}
		reservations, err := quota.Reserve(unit, holder, quota.Effective(t, w.Tiers[t.Spec.Tier]))
		if err != nil {
			all = append(all, d.Mistake("spec.quota", err.Error(), nil))
			continue
		}
		unit.Status.Reservations = reservations
	}
	return errors.Join(all...)
}

// plannedChanges compare what the tenant would own with what is live; without a
// client nothing is. Who may change tenants and not look into their namespaces,
// as a business unit's admin, gets the comparison with what the live Tenant
// generates.
func (p *program) plannedChanges(ctx context.Context, c client.Client, t *tenancyv1.Tenant, w tenancy.World) ([]manifest.Change, error) {
	changes, err := liveChanges(ctx, c, t, w)
	if !apierrors.IsForbidden(err) {
		return changes, err
	}
	fmt.Fprintf(p.Err, "You may not read what tenant %q has in the cluster: it is compared with what its Tenant object generates.\n", t.Name)
	return specChanges(ctx, c, t, w)
}

// specChanges compare what the tenant would generate with what the live Tenant
// generates.
func specChanges(ctx context.Context, c client.Client, t *tenancyv1.Tenant, w tenancy.World) ([]manifest.Change, error) {
	planned, err := tenancy.Plan(t, w)
	if err != nil {
		return nil, err
	}
	now := map[string]client.Object{}
	var live tenancyv1.Tenant
	switch err := c.Get(ctx, client.ObjectKeyFromObject(t), &live); {
	case client.IgnoreNotFound(err) != nil:
		return nil, fmt.Errorf("get tenant %q: %w", t.Name, err)
	case err == nil:
		objects, err := tenancy.Plan(&live, w)
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			now[manifest.Title(object)] = object
		}
	}
	return compare(now, planned)
}

// compare pairs objects by name; those of now that are not planned are removed.
func compare(now map[string]client.Object, planned []client.Object) ([]manifest.Change, error) {
	var changes []manifest.Change
	add := func(before, after client.Object) error {
		one, err := manifest.NewChange(before, after)
		changes = append(changes, one)
		return err
	}
	for _, object := range planned {
		title := manifest.Title(object)
		if err := add(now[title], object); err != nil {
			return nil, err
		}
		delete(now, title)
	}
	for _, title := range slices.Sorted(maps.Keys(now)) {
		if err := add(now[title], nil); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

func liveChanges(ctx context.Context, c client.Client, t *tenancyv1.Tenant, w tenancy.World) ([]manifest.Change, error) {
	planned, err := tenancy.Plan(t, w)
	if err != nil {
		return nil, err
	}
	var changes []manifest.Change
	for _, object := range planned {
		live, err := manifest.Live(ctx, c, object)
		if err != nil {
			return nil, err
		}
		one, err := manifest.NewChange(live, object)
		if err != nil {
			return nil, err
		}
		changes = append(changes, one)
	}
	surplus, err := surplusObjects(ctx, c, t, planned)
	if err != nil {
		return nil, err
	}
	for _, object := range surplus {
		one, err := manifest.NewChange(object, nil)
		if err != nil {
			return nil, err
		}
		changes = append(changes, one)
	}
	return changes, nil
}

// surplusObjects are what Roadbed generated for the tenant once and would not
// generate now.
func surplusObjects(ctx context.Context, c client.Client, t *tenancyv1.Tenant, planned []client.Object) ([]client.Object, error) {
	if c == nil {
		return nil, nil
	}
	keep := map[string]bool{}
	for _, object := range planned {
		keep[manifest.Title(object)] = true
	}
	owned := client.MatchingLabels{tenancyv1.LabelTenant: t.Name, tenancyv1.LabelManagedBy: tenancyv1.ManagedBy}
	var surplus []client.Object
	for _, list := range []client.ObjectList{
		&corev1.ResourceQuotaList{}, &corev1.LimitRangeList{}, &corev1.ServiceAccountList{},
		&networkingv1.NetworkPolicyList{}, &rbacv1.RoleBindingList{},
	} {
		if err := c.List(ctx, list, owned); err != nil {
			return nil, fmt.Errorf("list what tenant %q owns: %w", t.Name, err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object, err := withKind(c.Scheme(), item)
			if err == nil && !keep[manifest.Title(object)] {
				surplus = append(surplus, object)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return surplus, nil
}

// withKind fills in the kind, which typed clients leave out.
func withKind(scheme *runtime.Scheme, item runtime.Object) (client.Object, error) {
	gvk, err := apiutil.GVKForObject(item, scheme)
	if err != nil {
		return nil, err
	}
	object, ok := item.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is no object", gvk.Kind)
	}
	object.GetObjectKind().SetGroupVersionKind(gvk)
	return object, nil
}
