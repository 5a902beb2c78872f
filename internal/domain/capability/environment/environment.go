// Package environment fulfils claims for another namespace of the claiming
// tenant, by one entry in the wishes of its Tenant object. Tenancy does the rest.
//
// What always holds: an environment that the tenant had before is never taken
// over; only the entry that a claim added is removed with it, and only by the
// deletion policy Delete. What runs in the namespace is never touched here.
package environment

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// Name is the provisioner's, as a Capability names it.
const Name = "environment"

// prefix begins the annotations on a Tenant that say which claim, by UID, added
// an environment.
const prefix = v1alpha1.Prefix + "environment-"

// Provisioner fulfils claims for environments.
type Provisioner struct{ client client.Client }

var (
	_ provision.Builtin = (*Provisioner)(nil)
	_ provision.Saver   = (*Provisioner)(nil)
)

// New returns a provisioner that reads and writes Tenants through the client.
func New(c client.Client) *Provisioner { return &Provisioner{client: c} }

// Saves is false: what runs in a namespace cannot be copied here.
func (*Provisioner) Saves() bool { return false }

// Available is always nil: tenancy is there.
func (p *Provisioner) Available(context.Context) error { return nil }

// wish is the entry that a claim stands for.
func wish(in provision.Input) (tenancyv1alpha1.TenantNamespace, error) {
	name, _, err := unstructured.NestedString(in.Spec, "environment")
	if err != nil || name == "" {
		return tenancyv1alpha1.TenantNamespace{}, fmt.Errorf("%w: spec.environment must name the environment", provision.ErrInvalid)
	}
	jurisdiction, _, err := unstructured.NestedString(in.Spec, "jurisdiction")
	if err != nil {
		return tenancyv1alpha1.TenantNamespace{}, fmt.Errorf("%w: spec.jurisdiction: %w", provision.ErrInvalid, err)
	}
	return tenancyv1alpha1.TenantNamespace{Name: name, Jurisdiction: jurisdiction}, nil
}

// Plan says what Ensure would do.
func (p *Provisioner) Plan(_ context.Context, in provision.Input) (provision.Preview, error) {
	w, err := wish(in)
	if err != nil {
		return provision.Preview{}, err
	}
	return provision.Preview{External: []provision.External{{
		System: "tenancy", Kind: "Tenant", Name: in.Tenant.Name, Detail: fmt.Sprintf("gets the environment %q in spec.namespaces", w.Name),
	}}}, nil
}

// Ensure adds the environment to the tenant and waits until it is isolated.
func (p *Provisioner) Ensure(ctx context.Context, in provision.Input, _ map[string][]byte) (provision.Output, error) {
	w, err := wish(in)
	if err != nil {
		return provision.Output{}, err
	}
	tenant := &tenancyv1alpha1.Tenant{}
	if err := p.client.Get(ctx, client.ObjectKey{Name: in.Tenant.Name}, tenant); err != nil {
		return provision.Output{}, fmt.Errorf("read tenant %q: %w", in.Tenant.Name, err)
	}
	changed, err := Add(tenant, w, string(in.Claim.GetUID()))
	if err != nil {
		return provision.Output{}, err
	}
	if changed {
		if err := p.client.Update(ctx, tenant); err != nil { // a conflict is tried again
			return provision.Output{}, fmt.Errorf("add environment %q to tenant %q: %w", w.Name, tenant.Name, err)
		}
	}
	for _, each := range tenant.Status.Namespaces {
		if each.Environment == w.Name && each.Isolated {
			return provision.Output{Ready: true, Status: map[string]any{"namespace": each.Name}}, nil
		}
	}
	return provision.Output{Waiting: fmt.Sprintf("Tenant %q makes the namespace of environment %q.", tenant.Name, w.Name)}, nil
}

// Add puts an environment into a tenant's wishes on behalf of a claim, and says
// whether that changed them.
func Add(tenant *tenancyv1alpha1.Tenant, w tenancyv1alpha1.TenantNamespace, uid string) (changed bool, err error) {
	at := slices.IndexFunc(tenant.Spec.Namespaces, func(n tenancyv1alpha1.TenantNamespace) bool { return n.Name == w.Name })
	owner := tenant.Annotations[prefix+w.Name]
	switch {
	case len(tenant.Spec.Namespaces) == 0:
		// A named namespace would take the place of the unnamed one.
		return false, fmt.Errorf("%w: tenant %q has one unnamed namespace: name it in the Tenant's spec.namespaces first, with adopt", provision.ErrInvalid, tenant.Name)
	case at >= 0 && owner != uid:
		return false, fmt.Errorf("%w: tenant %q has an environment %q already: claim another name", provision.ErrInvalid, tenant.Name, w.Name)
	case at >= 0:
		before := tenant.Spec.Namespaces[at].Jurisdiction
		tenant.Spec.Namespaces[at].Jurisdiction = w.Jurisdiction
		return before != w.Jurisdiction, nil
	}
	if tenant.Annotations == nil {
		tenant.Annotations = map[string]string{}
	}
	tenant.Annotations[prefix+w.Name] = uid
	tenant.Spec.Namespaces = append(tenant.Spec.Namespaces, w)
	return true, nil
}

// Remove takes what Add added out of a tenant's wishes again, and says whether
// that changed them.
func Remove(tenant *tenancyv1alpha1.Tenant, name, uid string) bool {
	if tenant.Annotations[prefix+name] != uid {
		return false
	}
	delete(tenant.Annotations, prefix+name)
	tenant.Spec.Namespaces = slices.DeleteFunc(tenant.Spec.Namespaces, func(n tenancyv1alpha1.TenantNamespace) bool { return n.Name == name })
	return true
}

// Delete takes the environment out of the tenant's wishes. Retain
// leaves it there.
func (p *Provisioner) Delete(ctx context.Context, in provision.Input, policy provision.DeletionPolicy) (done bool, err error) {
	w, err := wish(in)
	if err != nil || policy != provision.Delete {
		return err == nil, err
	}
	tenant := &tenancyv1alpha1.Tenant{}
	if err := p.client.Get(ctx, client.ObjectKey{Name: in.Tenant.Name}, tenant); err != nil {
		return client.IgnoreNotFound(err) == nil, client.IgnoreNotFound(err)
	}
	if !Remove(tenant, w.Name, string(in.Claim.GetUID())) {
		return true, nil
	}
	if err := p.client.Update(ctx, tenant); err != nil {
		return false, fmt.Errorf("take environment %q out of tenant %q: %w", w.Name, tenant.Name, err)
	}
	return true, nil
}
