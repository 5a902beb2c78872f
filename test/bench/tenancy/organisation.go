package main

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/examples"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/corpbank"
)

// organisation is what is onboarded. All tenants are of one generation, so that
// business units have envelopes for those that come later, too.
type organisation struct {
	// tiers are the bank's own; those that come with Roadbed are installed.
	tiers   []*v1alpha1.Tier
	units   []*v1alpha1.BusinessUnit
	tenants []*v1alpha1.Tenant
}

// organise makes up a bank that is large enough for all phases.
func organise(s settings) (organisation, error) {
	const step = 25
	least := s.tenants + s.latencies
	for count := least; ; count += step {
		objects, err := corpbank.Objects(examples.Files, count)
		if err != nil {
			return organisation{}, err
		}
		o := sorted(objects)
		if o.namespaces(count) >= s.namespaces {
			return o, nil
		}
	}
}

func sorted(objects []client.Object) organisation {
	var o organisation
	for _, obj := range objects {
		switch obj := obj.(type) {
		case *v1alpha1.Tier:
			o.tiers = append(o.tiers, obj)
		case *v1alpha1.BusinessUnit:
			o.units = append(o.units, obj)
		case *v1alpha1.Tenant:
			o.tenants = append(o.tenants, obj)
		}
	}
	return o
}

// namespaces counts the namespaces that the first so many tenants have to
// themselves.
func (o organisation) namespaces(tenants int) int {
	w, count := o.world(), 0
	for _, t := range o.tenants[:tenants] {
		if tier, err := w.Tier(t); err == nil && tenancy.Model(t, tier) == v1alpha1.ModelNamespace {
			count += len(tenancy.Places(t))
		}
	}
	return count
}

// upTo is how many tenants, but no fewer than least, have so many namespaces.
func (o organisation) upTo(namespaces, least int) int {
	for count := least; count < len(o.tenants); count++ {
		if o.namespaces(count) >= namespaces {
			return count
		}
	}
	return len(o.tenants)
}

// world is what planning may know of the organisation.
func (o organisation) world() tenancy.World {
	w := tenancy.World{
		Tiers:    map[string]*v1alpha1.Tier{},
		Units:    map[string]*v1alpha1.BusinessUnit{},
		Settings: tenancy.DefaultSettings(),
	}
	for _, tier := range append(tenancy.Tiers(), o.tiers...) {
		w.Tiers[tier.Name] = tier
	}
	for _, unit := range o.units {
		w.Units[unit.Name] = unit
	}
	return w
}

// planned is what Roadbed has to generate for the tenants: the shared
// namespaces in one group, then a group for each tenant.
func (o organisation) planned(tenants []*v1alpha1.Tenant) ([][]client.Object, error) {
	w := o.world()
	shared, err := sharedOf(tenants, w)
	if err != nil {
		return nil, err
	}
	groups := [][]client.Object{shared}
	for _, t := range tenants {
		objects, err := tenancy.Plan(t, w)
		if err != nil {
			return nil, err
		}
		groups = append(groups, objects)
	}
	return groups, nil
}

// sharedOf plans the namespaces that tenants share.
func sharedOf(tenants []*v1alpha1.Tenant, w tenancy.World) ([]client.Object, error) {
	type place struct{ unit, tier string }
	sharing := map[place][]*v1alpha1.Tenant{}
	for _, t := range tenants {
		tier, err := w.Tier(t)
		if err != nil {
			return nil, err
		}
		if tenancy.Model(t, tier) == v1alpha1.ModelSharedNamespace {
			at := place{t.Spec.BusinessUnit, t.Spec.Tier}
			sharing[at] = append(sharing[at], t)
		}
	}
	var all []client.Object
	for at, tenants := range sharing {
		objects, err := tenancy.PlanShared(w.Units[at.unit], w.Tiers[at.tier], tenants, w)
		if err != nil {
			return nil, fmt.Errorf("plan what tenants of %q share: %w", at.unit, err)
		}
		all = append(all, objects...)
	}
	slices.SortStableFunc(all, func(a, b client.Object) int {
		return cmp.Compare(a.GetNamespace()+a.GetName(), b.GetNamespace()+b.GetName())
	})
	return all, nil
}

// one makes each object a group of its own, of copies.
func one[T client.Object](objects []T) [][]client.Object {
	groups := make([][]client.Object, 0, len(objects))
	for _, obj := range objects {
		groups = append(groups, []client.Object{copyOf(obj)})
	}
	return groups
}

func asObjects[T client.Object](objects []T) []client.Object {
	all := make([]client.Object, 0, len(objects))
	for _, obj := range objects {
		all = append(all, copyOf(obj))
	}
	return all
}

func copyOf(obj client.Object) client.Object { return obj.DeepCopyObject().(client.Object) }

func keysOf[T client.Object](objects []T) []string {
	keys := make([]string, 0, len(objects))
	for _, obj := range objects {
		keys = append(keys, client.ObjectKeyFromObject(obj).String())
	}
	return keys
}

// emptyLike returns an empty object of the same type.
func emptyLike(obj client.Object) client.Object {
	return reflect.New(reflect.TypeOf(obj).Elem()).Interface().(client.Object)
}
